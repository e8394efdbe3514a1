//! `deny` and `allow`: which modules are never loaded (`modprobe.d`(5)).

use crate::{Config, Origin};
use komod_name::matches;

/// `deny MODULE REASON...`: MODULE is not loaded, whoever asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deny {
    /// A glob.
    pub module: Vec<u8>,
    /// What stands behind it, without blanks at either end; for people. May be empty.
    pub reason: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

/// `allow MODULE`: an exception to `deny` lines with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// A glob.
    pub module: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

impl Deny {
    /// Whether it names one module: no `*`, `?` or `[` in it.
    pub fn is_exact(&self) -> bool {
        !self.module.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
    }
}

impl Config {
    /// The `deny` line that holds for the canonical name `module`: the first that spells
    /// it; otherwise, unless an `allow` line matches, the first whose glob matches. Neither
    /// the order of lines nor their files matter to whether there is one.
    pub fn deny_for(&self, module: &[u8]) -> Option<&Deny> {
        if self.denies.is_empty() {
            return None;
        }
        let exact = self.denies.iter().find(|line| line.is_exact() && line.module == module);
        let allowed = || self.allows.iter().any(|line| matches(&line.module, module));
        exact.or_else(|| {
            let glob = self.denies.iter().find(|line| matches(&line.module, module));
            glob.filter(|_| !allowed())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    fn config(text: &str) -> Config {
        let mut config = Config::default();
        config.read(Arc::from(Path::new("a.conf")), text.as_bytes(), false);
        assert_eq!(config.warnings, []);
        config
    }

    /// The number of the line that holds for `module`.
    fn line(text: &str, module: &str) -> Option<u32> {
        config(text).deny_for(module.as_bytes()).map(|line| line.origin.line)
    }

    #[test]
    fn an_exact_line_beats_an_allowance_and_that_beats_a_pattern() {
        assert_eq!(line("", "a"), None);
        assert_eq!(line("allow a\n", "a"), None);
        for (text, holds) in [
            ("deny a\nallow a\n", Some(1)),
            ("allow a\ndeny a\n", Some(2)),
            ("allow *\ndeny *\ndeny a\n", Some(3)),
            ("deny *\nallow a\n", None),
            ("allow [a]\ndeny ?\n", None),
            ("deny *\nallow b\n", Some(1)),
            ("deny b\ndeny ?\ndeny *\n", Some(2)),
        ] {
            assert_eq!(line(text, "a"), holds, "{text}");
        }
    }

    #[test]
    fn names_are_normalised_and_the_rest_is_the_reason() {
        let config = config("deny snd-*[-x]  \tit  is\tloud \ndeny a\nallow snd-pcm\n");
        let first = &config.denies[0];
        assert_eq!((&*first.module, &*first.reason), (&b"snd_*[-x]"[..], &b"it  is\tloud"[..]));
        assert!(!first.is_exact());
        assert_eq!(config.denies[1].reason, b"");
        assert!(config.denies[1].is_exact());
        assert_eq!(config.allows[0].module, b"snd_pcm");
        assert_eq!(config.allows[0].origin.line, 3);
    }
}
