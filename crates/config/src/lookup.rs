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
    pub fn options_lines_for<'a>(
        &'a self,
        module: &'a [u8],
        alias: Option<&'a [u8]>,
    ) -> impl Iterator<Item = &'a Options> {
        let named = move |line: &&Options| {
            line.module == module || alias.is_some_and(|alias| line.module == alias)
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
        self.installs.iter().chain(&self.removes).find(|line| line.module == name)
    }

    /// The `softdep` line that holds for `module`: the first of the
    /// administrator's whose glob matches, else the first of what the modules
    /// say themselves. Lines are never merged. `modules.softdep` never hides
    /// what the administrator wrote, whatever his file is called.
    pub fn softdep_for(&self, module: &[u8]) -> Option<&Softdep> {
        let of = |from_modules| {
            self.softdeps.iter().find(move |line| {
                line.from_modules == from_modules && matches(&line.module, module)
            })
        };
        of(false).or_else(|| of(true))
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
