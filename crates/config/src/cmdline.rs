//! The words of the kernel command line that are meant for modules
//! (`kernel-command-line`(7), `modprobe`(8)).

use crate::line::space;
use crate::origin::shown;
use crate::{Blacklist, Config, Level, Options, Origin, Warning};
use std::path::Path;
use std::sync::Arc;

/// How much of the text is looked at; kmod reads no more.
const LIMIT: usize = 4095;

impl Config {
    /// Adds `MODULE.OPTION[=VALUE]` as options and the names of
    /// `modprobe.blacklist=NAME,...` as blacklist entries.
    ///
    /// Words end at white space outside of double quotes. A quote may stand in
    /// the value, where it is kept, or before the whole word, from where it
    /// moves before the value; anywhere else, or without its partner, the
    /// word is not ours. Names of the blacklist lose their quotes and are
    /// normalised.
    pub(crate) fn read_cmdline(&mut self, text: &[u8]) {
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
        } else if let Ok(module) = komod_name::alias(setting.module) {
            let module = module.into_owned();
            self.options.push(Options { module, options: setting.text(), origin: origin.clone() });
        } else {
            self.warnings.push(Warning {
                level: Level::Error,
                function: "kcmdline_parse_result",
                text: format!(
                    "Ignoring bad option on kernel command line while parsing module name: '{}'",
                    shown(setting.module)
                ),
            });
        }
    }
}

/// Splits at white space outside of double quotes. A last word whose quote is
/// never closed does not come.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut words: Vec<_> = text
        .split(move |&byte| {
            quoted ^= byte == b'"';
            !quoted && space(byte)
        })
        .collect();
    let odd = |word: &&[u8]| word.iter().filter(|&&byte| byte == b'"').count() % 2 == 1;
    if words.last().is_some_and(odd) {
        words.pop();
    }
    words.into_iter()
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

    /// What the module gets: `NAME[=VALUE]`.
    fn text(&self) -> Vec<u8> {
        let quote = if self.quoted { &b"\""[..] } else { b"" };
        match self.value {
            Some(value) => [self.name, b"=", quote, value].concat(),
            None => self.name.to_vec(),
        }
    }
}
