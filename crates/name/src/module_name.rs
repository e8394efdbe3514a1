use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// A module's name as the kernel spells it: `_` where a file or a person may
/// write `-`.
///
/// It may be empty (a file called `.ko` has an empty name) and may hold any
/// byte; only the spelling is canonical. Nothing says that such a module
/// exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(Box<[u8]>);

impl ModuleName {
    /// The canonical spelling of `name`: every `-` becomes `_`, nothing is cut.
    pub fn new(name: &[u8]) -> Self {
        Self(name.iter().map(|&b| underscore(b)).collect())
    }

    /// The canonical spelling of what stands before the first `.` of `name`:
    /// how `rmmod foo.ko` names `foo`.
    pub fn cut(name: &[u8]) -> Self {
        let end = name.iter().position(|&b| b == b'.').unwrap_or(name.len());
        Self::new(name.get(..end).unwrap_or_default())
    }

    /// The name of the module in the file `path`: its base name up to the
    /// first `.`. The name inside the file is never asked (`modules.dep`(5)).
    pub fn of_path(path: &[u8]) -> Self {
        Self::cut(path.rsplit(|&b| b == b'/').next().unwrap_or_default())
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as part of a path or an argument.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl AsRef<[u8]> for ModuleName {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for ModuleName {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes that are not UTF-8 are shown as U+FFFD; for exact output write
/// [`ModuleName::as_bytes`].
impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleName({:?})", String::from_utf8_lossy(&self.0))
    }
}

/// A `[` without its `]`, or a `]` without its `[`, in an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnmatchedBracket {
    /// Where the first bracket without a partner stands, in bytes from the
    /// start of the text.
    pub at: usize,
}

impl fmt::Display for UnmatchedBracket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unmatched bracket at byte {}", self.at)
    }
}

impl std::error::Error for UnmatchedBracket {}

/// `text` with every `-` outside brackets as `_`: how patterns and modaliases
/// are stored and asked for. Borrowed when nothing changes.
///
/// # Errors
/// When a bracket has no partner. Brackets do not nest: inside `[...]` another
/// `[` is an ordinary byte.
pub fn alias(text: &[u8]) -> Result<Cow<'_, [u8]>, UnmatchedBracket> {
    // Without a branch a byte: most texts have none of them.
    let found = |special: fn(u8) -> bool| {
        text.iter().fold(0, |found, &byte| found | u8::from(special(byte))) != 0
    };
    if !found(|byte| (byte == b'[') | (byte == b']') | (byte == b'-')) {
        return Ok(Cow::Borrowed(text));
    }
    if !found(|byte| (byte == b'[') | (byte == b']')) {
        return Ok(Cow::Owned(text.iter().map(|&byte| underscore(byte)).collect()));
    }
    let mut changed: Option<Vec<u8>> = None;
    let mut open = None;
    for (at, &byte) in text.iter().enumerate() {
        match (byte, open) {
            (b'[', None) => open = Some(at),
            (b']', Some(_)) => open = None,
            (b']', None) => return Err(UnmatchedBracket { at }),
            (b'-', None) => {
                if let Some(slot) = changed.get_or_insert_with(|| text.to_vec()).get_mut(at) {
                    *slot = b'_';
                }
            }
            _ => {}
        }
    }
    match (open, changed) {
        (Some(at), _) => Err(UnmatchedBracket { at }),
        (None, Some(owned)) => Ok(Cow::Owned(owned)),
        (None, None) => Ok(Cow::Borrowed(text)),
    }
}

fn underscore(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_and_underscores_are_one() {
        assert_eq!(ModuleName::new(b"snd-hda-intel").as_bytes(), b"snd_hda_intel");
        assert_eq!(ModuleName::new(b"a.b-c").as_bytes(), b"a.b_c");
    }

    #[test]
    fn a_path_names_the_module_up_to_the_first_dot() {
        for (path, name) in [
            ("/lib/modules/6/kernel/snd-hda-intel.ko.xz", "snd_hda_intel"),
            ("foo.bar.ko", "foo"),
            ("x/.x.ko", ""),
            ("x/y/", ""),
            ("", ""),
        ] {
            assert_eq!(ModuleName::of_path(path.as_bytes()).as_bytes(), name.as_bytes(), "{path}");
        }
    }

    #[test]
    fn an_alias_keeps_dashes_inside_brackets() {
        assert_eq!(&*alias(b"pci:v-d[a-f]-x").unwrap(), b"pci:v_d[a-f]_x");
        assert!(matches!(alias(b"plain").unwrap(), Cow::Borrowed(_)));
    }

    #[test]
    fn an_alias_with_a_lone_bracket_is_refused() {
        assert_eq!(alias(b"a]"), Err(UnmatchedBracket { at: 1 }));
        assert_eq!(alias(b"ab[c"), Err(UnmatchedBracket { at: 2 }));
        assert_eq!(alias(b"[a]["), Err(UnmatchedBracket { at: 3 }));
    }
}
