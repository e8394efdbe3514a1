//! Which directives hold for a name: kmod's rules.
//!
//! `name` is always canonical (`_` for `-`). Globs are matched as
//! `fnmatch`(3) without flags.

use crate::{Alias, Blacklist, Command, Config, Options, Softdep, Weakdep};
use komod_name::matches;

impl Config {
    /// The `options` lines of exactly the name `module` or, where it was asked
    /// for by another name, of that `alias`, in order: the command line of the
    /// kernel last. No globs. What the kernel gets is [`Config::options_for`].
    pub fn options_lines_for<'a, 'n>(
        &'a self,
        module: &'n [u8],
        alias: Option<&'n [u8]>,
    ) -> impl Iterator<Item = &'a Options> + use<'a, 'n> {
        let named = move |line: &&Options| {
            let named = line.module == module || alias.is_some_and(|alias| line.module == alias);
            // The kernel's command line may have `module.`, with nothing behind it.
            named && !line.options.is_empty()
        };
        self.options.iter().filter(named)
    }

    /// The texts of [`Config::options_lines_for`] with a blank between: what
    /// is configured, without what a caller adds. Empty when there is none.
    pub fn options_for(&self, module: &[u8], alias: Option<&[u8]>) -> Vec<u8> {
        let lines = self.options_lines_for(module, alias);
        lines.map(|line| line.options.as_slice()).collect::<Vec<_>>().join(&b' ')
    }

    /// The first `install` line whose glob matches `module`: what runs instead
    /// of loading it.
    pub fn install_for(&self, module: &[u8]) -> Option<&Command> {
        self.installs.iter().find(|line| matches(&line.module, module))
    }

    /// The first `remove` line whose glob matches `module`: what runs instead
    /// of removing it.
    pub fn remove_for(&self, module: &[u8]) -> Option<&Command> {
        self.removes.iter().find(|line| matches(&line.module, module))
    }

    /// The first `install`, else the first `remove` line whose module is
    /// spelled exactly `name`: such a line makes a name known that no module
    /// has. No globs.
    pub fn command_named(&self, name: &[u8]) -> Option<&Command> {
        self.install_named(name).or_else(|| self.remove_named(name))
    }

    /// The first `install` line whose module is spelled exactly `name`.
    pub fn install_named(&self, name: &[u8]) -> Option<&Command> {
        self.installs.iter().find(|line| line.module == name)
    }

    /// The first `remove` line whose module is spelled exactly `name`.
    pub fn remove_named(&self, name: &[u8]) -> Option<&Command> {
        self.removes.iter().find(|line| line.module == name)
    }

    /// The `softdep` line that holds for `module`: the first of the
    /// administrator's whose glob matches, else the first of what the modules
    /// say themselves. Lines are never merged. `modules.softdep` never hides
    /// what the administrator wrote, whatever his file is called.
    pub fn softdep_for(&self, module: &[u8]) -> Option<&Softdep> {
        let mut own = None;
        for line in &self.softdeps {
            if line.from_modules && own.is_some() || !line.holds_for(module) {
                continue;
            }
            if !line.from_modules {
                return Some(line);
            }
            own = Some(line);
        }
        own
    }

    /// The `weakdep` line that holds for `module`, chosen like
    /// [`Config::softdep_for`].
    pub fn weakdep_for(&self, module: &[u8]) -> Option<&Weakdep> {
        let of = |from_modules| {
            self.weakdeps.iter().find(move |line| {
                line.from_modules == from_modules && matches(&line.module, module)
            })
        };
        of(false).or_else(|| of(true))
    }

    /// The first `blacklist` line of exactly `module`; no globs.
    pub fn blacklist_for(&self, module: &[u8]) -> Option<&Blacklist> {
        self.blacklists.iter().find(|line| line.module == module)
    }

    /// Whether there is a `blacklist` line of exactly `module`.
    pub fn is_blacklisted(&self, module: &[u8]) -> bool {
        self.blacklist_for(module).is_some()
    }

    /// All `alias` lines whose pattern matches `name`, in order.
    pub fn aliases_for<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Alias> {
        self.aliases.iter().filter(|line| matches(&line.pattern, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    /// A file of the administrator's that is read before the modules' own
    /// lists, those, and one that is read after them.
    fn config() -> Config {
        let mut config = Config::default();
        let mut read = |file: &str, text: &str, from_modules| {
            config.read(Arc::from(Path::new(file)), text.as_bytes(), from_modules);
        };
        read("a.conf", "install snd_* first\ninstall snd_hda second\nremove snd_hda gone", false);
        read("a.conf", "options e1000e a=1\noptions eth0 b=2\noptions e* never=1", false);
        read(
            "a.conf",
            "alias eth* e1000e\nalias e?h0 other\nblacklist nouveau\nblacklist r*",
            false,
        );
        read("modules.softdep", "softdep x pre: own\nsoftdep y pre: own\nsoftdep y pre: two", true);
        read("modules.weakdep", "weakdep x own\nweakdep y own", true);
        read("z.conf", "softdep x* post: mine\nweakdep x mine\noptions e1000e c=3", false);
        config.read_cmdline(b"e1000e.d=4 modprobe.blacklist=snd-pcsp");
        config
    }

    #[test]
    fn options_are_joined_by_name_and_alias_without_globs() {
        let config = config();
        assert_eq!(config.options_for(b"e1000e", None), b"a=1 c=3 d=4");
        assert_eq!(config.options_for(b"e1000e", Some(b"eth0")), b"a=1 b=2 c=3 d=4");
        assert_eq!(config.options_for(b"e100", None), b"");
        let last = config.options_lines_for(b"e1000e", None).last().unwrap();
        assert_eq!(last.origin.to_string(), "/proc/cmdline:1");
    }

    #[test]
    fn commands_match_by_glob_to_run_and_by_name_to_be_known() {
        let config = config();
        assert_eq!(config.install_for(b"snd_hda").unwrap().command, b"first");
        assert_eq!(config.remove_for(b"snd_hda").unwrap().command, b"gone");
        assert_eq!(config.install_for(b"snd"), None);
        assert_eq!(config.command_named(b"snd_hda").unwrap().command, b"second");
        assert_eq!(config.command_named(b"snd_usb"), None);
        assert_eq!(config.command_named(b"snd_*").unwrap().command, b"first");
    }

    #[test]
    fn the_administrators_softdep_beats_the_modules_own() {
        let config = config();
        let softdep = config.softdep_for(b"x").unwrap();
        assert_eq!(softdep.text(), b"post: mine");
        assert_eq!(softdep.origin.to_string(), "z.conf:1");
        assert_eq!(config.softdep_for(b"y").unwrap().text(), b"pre: own");
        assert_eq!(config.softdep_for(b"z"), None);
        assert_eq!(config.weakdep_for(b"x").unwrap().text(), b"mine");
        assert_eq!(config.weakdep_for(b"y").unwrap().text(), b"own");
    }

    #[test]
    fn blacklists_are_exact() {
        let config = config();
        assert!(config.is_blacklisted(b"nouveau"));
        assert!(config.is_blacklisted(b"snd_pcsp"));
        assert!(!config.is_blacklisted(b"radeon"));
        assert_eq!(config.blacklist_for(b"nouveau").unwrap().origin.to_string(), "a.conf:3");
    }

    #[test]
    fn all_aliases_that_match_come_in_order() {
        let config = config();
        let modules: Vec<_> = config.aliases_for(b"eth0").map(|line| &line.module[..]).collect();
        assert_eq!(modules, [&b"e1000e"[..], b"other"]);
        assert_eq!(config.aliases_for(b"eth").count(), 1);
        assert_eq!(config.aliases_for(b"wlan0").count(), 0);
    }
}
