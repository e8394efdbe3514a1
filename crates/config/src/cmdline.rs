//! The words of the kernel command line that are meant for modules
//! (`kernel-command-line`(7), `modprobe`(8)).

use crate::line::{space, untab};
use crate::origin::shown;
use crate::{Blacklist, Config, Level, Options, Origin, Warning};
use memchr::memchr;
use std::path::Path;
use std::sync::Arc;

/// How much of the text is looked at; kmod reads no more.
const LIMIT: usize = 4095;

impl Config {
    /// Adds what the kernel command line `text` says:
    /// `MODULE.OPTION[=VALUE]` as options and the names of
    /// `modprobe.blacklist=NAME,...` as blacklist entries.
    ///
    /// Words end at white space outside of double quotes. A quote may stand in
    /// the value, where it is kept, or before the whole word, from where it
    /// moves before the value; anywhere else, or without its partner, the
    /// word is not ours. Names of the blacklist lose their quotes and are
    /// normalised.
    pub fn read_cmdline(&mut self, text: &[u8]) {
        let text = text.get(..LIMIT).unwrap_or(text);
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let origin = Origin { file: Arc::from(Path::new("/proc/cmdline")), line: 1 };
        for word in words(text) {
            if let Some(setting) = Setting::of(word) {
                self.setting(&setting, &origin);
            }
        }
    }

    fn setting(&mut self, setting: &Setting<'_>, origin: &Origin) {
        if let Setting { module: b"modprobe", name: b"blacklist", value: Some(value), .. } = setting
        {
            let names: Vec<u8> = value.iter().copied().filter(|&byte| byte != b'"').collect();
            for name in names.split(|&byte| byte == b',') {
                let module =
                    komod_name::alias(name).map_or(name.to_vec(), |name| name.into_owned());
                self.blacklists.push(Blacklist { module, origin: origin.clone() });
            }
            return;
        }
        match komod_name::alias(setting.module) {
            Ok(module) => {
                let module = module.into_owned();
                let options = setting.text();
                self.options.push(Options { module, options, origin: origin.clone() });
            }
            Err(bracket) => self.warnings.push(Warning {
                level: Level::Error,
                function: "kcmdline_parse_result",
                text: format!(
                    "Ignoring bad option on kernel command line while parsing module name: '{}'",
                    shown(&setting.half_normal(bracket.at))
                ),
                origin: Some(origin.clone()),
            }),
        }
    }
}

/// The words with a dot in them, which alone can be ours. White space outside of
/// double quotes splits them; a last word whose quote is never closed does not come.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let quotes = memchr(b'"', text).is_some();
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if !quotes {
                // Most words are the kernel's own.
                let dot = memchr(b'.', rest)?;
                let before = rest.get(..dot)?.iter().rposition(|&byte| space(byte));
                rest = rest.get(before.map_or(0, |at| at.saturating_add(1))..)?;
            }
            if rest.is_empty() {
                return None;
            }
            let mut open = false;
            let end = rest.iter().position(|&byte| {
                open ^= byte == b'"';
                !open && space(byte)
            });
            let word = rest.get(..end.unwrap_or(rest.len())).filter(|_| !open)?;
            rest = rest.get(word.len().saturating_add(1)..).unwrap_or_default();
            if !quotes || word.contains(&b'.') {
                return Some(word);
            }
        }
    })
}

/// `MODULE.NAME[=VALUE]`.
#[derive(Debug, PartialEq, Eq)]
struct Setting<'a> {
    module: &'a [u8],
    name: &'a [u8],
    value: Option<&'a [u8]>,
    /// A quote stood before the word; its partner is in the value.
    quoted: bool,
}

impl<'a> Setting<'a> {
    /// `None` for a word of another form: a parameter of the kernel itself.
    fn of(word: &'a [u8]) -> Option<Self> {
        let (word, quoted) = match word {
            [b'"', word @ ..] => (word, true),
            word => (word, false),
        };
        let equals = word.iter().position(|&byte| byte == b'=').unwrap_or(word.len());
        let (key, value) = word.split_at_checked(equals)?;
        if key.iter().any(|&byte| byte == b'"' || space(byte)) {
            return None;
        }
        let mut parts = key.split(|&byte| byte == b'.');
        let (module, name) = (parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self { module, name, value: value.strip_prefix(b"="), quoted })
    }

    /// The module as kmod shows it when the bracket `at` has no partner:
    /// normalised up to there.
    fn half_normal(&self, at: usize) -> Vec<u8> {
        let (good, bad) = self.module.split_at_checked(at).unwrap_or((self.module, &[]));
        let good = komod_name::alias(good).unwrap_or(good.into());
        [&*good, bad].concat()
    }

    /// What the module gets: `NAME[=VALUE]`, tabs as blanks.
    fn text(&self) -> Vec<u8> {
        let quote = if self.quoted { &b"\""[..] } else { b"" };
        let mut text = match self.value {
            Some(value) => [self.name, b"=", quote, value].concat(),
            None => self.name.to_vec(),
        };
        untab(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// `MODULE TEXT` of every option.
    #[track_caller]
    fn options(cmdline: &str, expected: &[&str]) {
        let mut config = Config::default();
        config.read_cmdline(cmdline.as_bytes());
        let found: Vec<_> = config
            .options
            .iter()
            .map(|line| format!("{} {}", text(&line.module), text(&line.options)))
            .collect();
        assert_eq!(found, expected, "{cmdline:?}");
    }

    #[track_caller]
    fn blacklist(cmdline: &str, expected: &[&str]) {
        let mut config = Config::default();
        config.read_cmdline(cmdline.as_bytes());
        let found: Vec<_> = config.blacklists.iter().map(|line| text(&line.module)).collect();
        assert_eq!(found, expected, "{cmdline:?}");
    }

    #[test]
    fn a_word_with_one_dot_before_its_value_is_an_option() {
        options("quiet a.b=1 c.d -- e-f.g-h=2\n", &["a b=1", "c d", "e_f g-h=2"]);
        options("a.b=1\x0cc.d\x0be.f\n\ng.h=2\n", &["a b=1", "c d", "e f", "g h=2"]);
        options("a.b.c=1 d.e=1", &["d e=1"]);
        options("a.b=c.d=e x.y=.1", &["a b=c.d=e", "x y=.1"]);
        options("a=b.c =", &[]);
        options(".p=1 m. m.=1 .", &[" p=1", "m ", "m =1", " "]);
        options("a.b= c.d=", &["a b=", "c d="]);
        options("a.b='c d' e.f=1", &["a b='c", "e f=1"]);
        options(
            "a.b=1 modprobe.foo=1 modprobe.blacklist",
            &["a b=1", "modprobe foo=1", "modprobe blacklist"],
        );
    }

    #[test]
    fn quotes_keep_blanks_and_stay_in_the_value() {
        options("m.p=\"a b\" x.y=1", &["m p=\"a b\"", "x y=1"]);
        options("a.b=c\"d e\"f g.h=1", &["a b=c\"d e\"f", "g h=1"]);
        options("a.b=1\"  \"c.d=2", &["a b=1\"  \"c.d=2"]);
        options("a.b=\"x\ty\"", &["a b=\"x y\""]);
    }

    #[test]
    fn a_quote_before_the_word_moves_before_the_value() {
        options("\"m.p=a b\" x.y=1", &["m p=\"a b\"", "x y=1"]);
        options("\"a.b=c\"d e.f=1", &["a b=\"c\"d", "e f=1"]);
        options("\"m.p=\"a b\"\" x.y=1", &["m p=\"\"a", "x y=1"]);
    }

    #[test]
    fn a_quote_elsewhere_or_alone_drops_the_word() {
        options("\"a.b\"=1 c.d=2", &["c d=2"]);
        options("\"\"a.b=1 c.d=2", &["c d=2"]);
        options("a\"b.c=1\" d.e=1", &["d e=1"]);
        options("x.y c.\"d=1\" e.f=1", &["x y", "e f=1"]);
        options("\"quiet x\" c.d=1", &["c d=1"]);
        options("\"a.b c=1\" x.y=1", &["x y=1"]);
        options("a.b=\"c d.e=1", &[]);
        options("x.y=1 \"a.b=1 c.d=2", &["x y=1"]);
    }

    #[test]
    fn a_bad_bracket_is_told() {
        let mut config = Config::default();
        config.read_cmdline(b"a-b[-c.y=1 z.z=1 x-].y");
        let texts: Vec<_> = config.warnings.iter().map(|warning| warning.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Ignoring bad option on kernel command line while parsing module name: 'a_b[-c'",
                "Ignoring bad option on kernel command line while parsing module name: 'x_]'",
            ]
        );
        assert_eq!(config.options.len(), 1);
        assert_eq!(config.options[0].origin.to_string(), "/proc/cmdline:1");
    }

    #[test]
    fn blacklist_names_are_normalised_and_may_be_quoted() {
        blacklist("modprobe.blacklist=a,b-c modprobe.blacklist=d", &["a", "b_c", "d"]);
        blacklist("\"modprobe.blacklist=a-b,c\"", &["a_b", "c"]);
        blacklist("modprobe.blacklist=\"a,b\"", &["a", "b"]);
        blacklist("modprobe.blacklist=,a,,b,", &["", "a", "", "b", ""]);
        blacklist("modprobe.blacklist=", &[""]);
        blacklist("modprobe.blacklist=\"a x.modprobe.blacklist=b", &[]);
    }

    #[test]
    fn the_text_ends_at_a_nul_or_4095_bytes() {
        options("a.b\0c d.e", &["a b"]);
        let long = format!("a.b=1{}c.d=12345", " ".repeat(4088));
        options(&long, &["a b=1", "c "]);
    }
}
