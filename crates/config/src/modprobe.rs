//! The bytes of one modprobe.d file into directives (`modprobe.d`(5)).

use crate::line::{Line, Text, Words, lines, names, untab};
use crate::origin::shown;
use crate::{
    Alias, Allow, Blacklist, Command, Config, Deny, Level, Options, Origin, Softdep, Warning,
    Weakdep,
};
use std::path::Path;
use std::sync::Arc;

/// How long a line of `modules.softdep` is, in bytes.
const USUAL_LINE: usize = 32;

impl Config {
    /// Adds the directives of a modprobe.d file with the bytes `text`, and a
    /// warning for every bad line. `file` only says where they stand;
    /// `from_modules` marks soft and weak dependencies
    /// ([`Softdep::from_modules`]).
    pub fn read(&mut self, file: Arc<Path>, text: &[u8], from_modules: bool) {
        if from_modules {
            // Nearly every line of them is a soft dependency.
            // Without that memory each line asks for itself.
            let _ = self.softdeps.try_reserve(text.len() / USUAL_LINE);
        }
        let text = Text::new(text);
        for line in lines(text.bytes) {
            let origin = Origin { file: Arc::clone(&file), line: line.number };
            self.line(&text, &line, origin, from_modules);
        }
    }

    fn line(&mut self, file: &Text<'_>, line: &Line<'_>, origin: Origin, from_modules: bool) {
        let mut words = Words::of(&line.text);
        let Some(keyword) = words.next() else { return };
        let path = Arc::clone(&origin.file);
        let shown_file = || shown(path.as_os_str().as_encoded_bytes());
        let problem = match keyword {
            b"include" | b"config" => Some(format!(
                "{}: command {} is deprecated and not parsed anymore",
                shown_file(),
                shown(keyword)
            )),
            _ if self.directive(file, keyword, words, origin, from_modules).is_some() => None,
            _ => Some(format!(
                "{} line {}: ignoring bad line starting with '{}'",
                shown_file(),
                line.number,
                shown(keyword)
            )),
        };
        if let Some(text) = problem {
            let function = "kmod_config_parse";
            let origin = Some(Origin { file: path, line: line.number });
            self.warnings.push(Warning { level: Level::Error, function, text, origin });
        }
    }

    /// `None`, and nothing added, when the keyword is unknown, a word is
    /// missing or a bracket has no partner.
    fn directive(
        &mut self,
        file: &Text<'_>,
        keyword: &[u8],
        mut words: Words<'_>,
        origin: Origin,
        from_modules: bool,
    ) -> Option<()> {
        match keyword {
            b"alias" => {
                let pattern = normal(words.next()?)?;
                let module = normal(words.next()?)?;
                self.aliases.push(Alias { pattern, module, origin });
            }
            b"blacklist" => {
                let module = normal(words.next()?)?;
                self.blacklists.push(Blacklist { module, origin });
            }
            b"options" => {
                let module = normal(words.next()?)?;
                let mut options = words.rest()?.to_vec();
                untab(&mut options);
                self.options.push(Options { module, options, origin });
            }
            b"install" | b"remove" => {
                let module = normal(words.next()?)?;
                let command = words.rest()?.to_vec();
                let commands =
                    if keyword == b"install" { &mut self.installs } else { &mut self.removes };
                commands.push(Command { module, command, origin });
            }
            b"softdep" => {
                let module = komod_name::alias(words.next()?).ok()?;
                let line = Softdep::new(file, module, words.rest()?, from_modules, origin);
                self.softdeps.push(line);
            }
            b"weakdep" => {
                let module = normal(words.next()?)?;
                let weak = names(words.rest()?).map(<[u8]>::to_vec).collect();
                self.weakdeps.push(Weakdep { module, weak, from_modules, origin });
            }
            b"deny" => {
                let module = normal(words.next()?)?;
                let reason = words.rest().unwrap_or_default().trim_ascii().to_vec();
                self.denies.push(Deny { module, reason, origin });
            }
            b"allow" => {
                let module = normal(words.next()?)?;
                self.allows.push(Allow { module, origin });
            }
            _ => return None,
        }
        Some(())
    }
}

fn normal(name: &[u8]) -> Option<Vec<u8>> {
    Some(komod_name::alias(name).ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The configuration of one file `/c/a.conf`.
    fn read(text: &str) -> Config {
        let mut config = Config::default();
        config.read(Arc::from(Path::new("/c/a.conf")), text.as_bytes(), false);
        config
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// What `modprobe -c` says of the file, kind by kind.
    fn shown(config: &Config) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |words: [&[u8]; 3]| lines.push(text(&words.join(&b' ')));
        config.blacklists.iter().for_each(|it| line([b"blacklist", &it.module, b""]));
        config.installs.iter().for_each(|it| line([b"install", &it.module, &it.command]));
        config.removes.iter().for_each(|it| line([b"remove", &it.module, &it.command]));
        config.aliases.iter().for_each(|it| line([b"alias", &it.pattern, &it.module]));
        config.options.iter().for_each(|it| line([b"options", &it.module, &it.options]));
        config.softdeps.iter().for_each(|it| line([b"softdep", it.module(), &it.text()]));
        config.weakdeps.iter().for_each(|it| line([b"weakdep", &it.module, &it.text()]));
        lines
    }

    #[track_caller]
    fn good(line: &str, expected: &str) {
        let config = read(line);
        assert_eq!(shown(&config), [expected], "{line:?}");
        assert_eq!(config.warnings, [], "{line:?}");
    }

    #[track_caller]
    fn bad(line: &str, keyword: &str) {
        let config = read(line);
        assert!(shown(&config).is_empty(), "{line:?}");
        let warning = Warning {
            level: Level::Error,
            function: "kmod_config_parse",
            text: format!("/c/a.conf line 1: ignoring bad line starting with '{keyword}'"),
            origin: config.warnings[0].origin.clone(),
        };
        assert_eq!(warning.origin.as_ref().unwrap().to_string(), "/c/a.conf:1");
        assert_eq!(config.warnings, [warning], "{line:?}");
    }

    #[test]
    fn alias_takes_two_words_and_drops_the_rest() {
        good("alias a-b c-d.e", "alias a_b c_d.e");
        good(" \talias  [a-b]-c\td  x", "alias [a-b]_c d");
        good("alias a b\r", "alias a b\r");
        bad("alias", "alias");
        bad("alias a", "alias");
        bad("alias a[ b", "alias");
        bad("alias a b]", "alias");
        bad("Alias a b", "Alias");
    }

    #[test]
    fn blacklist_takes_one_word() {
        good("blacklist a-b c", "blacklist a_b ");
        good("blacklist a[-]", "blacklist a[-] ");
        bad("blacklist", "blacklist");
        bad("blacklist a[", "blacklist");
    }

    #[test]
    fn options_keep_blanks_but_not_tabs() {
        good("options a-b c-d=1", "options a_b c-d=1");
        good("options a  b  c ", "options a  b  c ");
        good("options\ta\tb=1\tc", "options a b=1 c");
        good("options a  ", "options a  ");
        bad("options a", "options");
        bad("options a ", "options");
        bad("options a[ b", "options");
    }

    #[test]
    fn commands_are_kept_as_written() {
        good("install a  echo  \"x\" \t y ", "install a  echo  \"x\" \t y ");
        good("install a-* b-c", "install a_* b-c");
        good("install\t\ta\t\tb", "install a \tb");
        good("remove a-b c", "remove a_b c");
        good("install a b\\\\c \\$x \\\n  d", "install a b\\c $x   d");
        bad("install a", "install");
        bad("install a ", "install");
        bad("remove a", "remove");
    }

    #[test]
    fn softdep_gathers_names_behind_pre_and_post() {
        good("softdep a pre: b post: c", "softdep a pre: b post: c");
        good("softdep a-b pre: b-c d post: e pre: f", "softdep a_b pre: b-c d f post: e");
        good("softdep a post: c pre: b", "softdep a pre: b post: c");
        good("softdep a x pre: \t b\x0bc post:", "softdep a pre: b c");
        good("softdep a pre:b c", "softdep a ");
        good("softdep a b", "softdep a ");
        good("softdep a  pre: b", "softdep a ");
        good("softdep a   pre: b", "softdep a pre: b");
        bad("softdep a", "softdep");
        bad("softdep a ", "softdep");
        bad("softdep a[ pre: b", "softdep");
    }

    #[test]
    fn weakdep_is_a_list() {
        good("weakdep a-b c-d e", "weakdep a_b c-d e");
        good("weakdep b x  y \t z", "weakdep b x y z");
        good("weakdep a  ", "weakdep a ");
        bad("weakdep a ", "weakdep");
    }

    #[test]
    fn what_is_no_longer_read_is_told() {
        let texts: Vec<_> =
            read("include x\nconfig\n").warnings.into_iter().map(|w| w.text).collect();
        let text = "is deprecated and not parsed anymore";
        let expected = [
            format!("/c/a.conf: command include {text}"),
            format!("/c/a.conf: command config {text}"),
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn an_indented_comment_is_a_bad_line() {
        bad("   # x", "#");
        bad("foo\u{fffd} x", "foo\u{fffd}");
        bad("foo\0x", "foo");
    }

    #[test]
    fn a_directive_knows_its_last_line() {
        let config = read("# x\n\nalias a \\\nb\nfoo\nblacklist c");
        assert_eq!(config.aliases[0].origin.to_string(), "/c/a.conf:4");
        assert_eq!(config.blacklists[0].origin.to_string(), "/c/a.conf:6");
        let text = &config.warnings[0].text;
        assert_eq!(text, "/c/a.conf line 5: ignoring bad line starting with 'foo'");
    }

    #[test]
    fn the_text_of_a_softdep_reads_as_the_same() {
        for line in ["softdep a pre: b c post: d", "softdep a post: d", "softdep a pre: b"] {
            let once = &read(line).softdeps[0];
            let again = &read(&format!("softdep a {}", text(&once.text()))).softdeps[0];
            assert_eq!(once, again);
        }
    }

    #[test]
    fn any_bytes_are_read() {
        let mut seed = 1_u32;
        let pool = b"alias blacklist options softdep pre: a [ ] \\ \n # \0 \x80 \t \r";
        for _ in 0..2000 {
            let mut text = Vec::new();
            for _ in 0..40 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 16) as usize % pool.len();
                let end = (at + (seed >> 8) as usize % 9).min(pool.len());
                text.extend_from_slice(&pool[at..end]);
            }
            let mut config = Config::default();
            config.read(Arc::from(Path::new("x")), &text, true);
            config.read_cmdline(&text);
        }
    }
}
