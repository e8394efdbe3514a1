//! Signatures, keys and lockdown: whom a kernel trusts.

/// How far a kernel is locked down (`kernel_lockdown`(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockdown {
    /// Not at all.
    None,
    /// Nobody may change the running kernel.
    Integrity,
    /// Nor read it.
    Confidentiality,
}

impl Lockdown {
    pub(crate) fn of_word(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"none" => Self::None,
            b"integrity" => Self::Integrity,
            b"confidentiality" => Self::Confidentiality,
            _ => return None,
        })
    }

    /// The kernel's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        }
    }
}

/// The state in brackets: `none [integrity] confidentiality`.
pub(crate) fn lockdown(text: &[u8]) -> Option<Lockdown> {
    let word = text.split(|&byte| byte == b'[').nth(1)?;
    Lockdown::of_word(word.split(|&byte| byte == b']').next()?)
}

/// Whether the kernel has a key of a signer's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySearch {
    /// `/proc/keys` shows one of that name, whose description begins so.
    Found(Vec<u8>),
    /// It does not, though it shows such keys.
    Missing,
    /// `/proc/keys` cannot be read, or shows none.
    Unknown,
}

/// Looks in the text of `/proc/keys` for an asymmetric key of that name: lines
/// `... asymmetri [ORGANISATION: ]NAME: SUBJECT-KEY-ID: X509.ALGORITHM ID []`. A signature
/// names its key by issuer and serial number, which are not shown there: that one is
/// called so does not say that it is the very same.
pub(crate) fn search(text: &[u8], signer: &[u8]) -> KeySearch {
    let mut seen = false;
    for line in text.split(|&byte| byte == b'\n') {
        let mut words = line.splitn(2, |&byte| byte == b':');
        let (Some(start), Some(end)) = (words.next(), words.next()) else { continue };
        let Some(at) = start.windows(KIND.len()).position(|window| window == KIND) else {
            continue;
        };
        seen = true;
        let name = start.get(at.saturating_add(KIND.len())..).unwrap_or_default();
        let second = end.split(|&byte| byte == b':').next().unwrap_or_default();
        if [name, second].iter().any(|name| name.trim_ascii() == signer) && !signer.is_empty() {
            return KeySearch::Found(name.trim_ascii().to_vec());
        }
    }
    if seen { KeySearch::Missing } else { KeySearch::Unknown }
}

/// The key type, as far as the column is wide.
const KIND: &[u8] = b" asymmetri";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_in_brackets_holds() {
        assert_eq!(lockdown(b"none [integrity] confidentiality\n"), Some(Lockdown::Integrity));
        assert_eq!(lockdown(b"[none] integrity confidentiality\n"), Some(Lockdown::None));
        assert_eq!(lockdown(b"none integrity\n"), None);
    }

    #[test]
    fn keys_are_found_by_their_names() {
        let text = b"0a I------     1 perm 1f030000     0     0 keyring   .builtin_trusted_keys: 2\n\
            0b I------     1 perm 1f030000     0     0 asymmetri Build key: 6cce: X509.rsa 419e []\n\
            0c I------     1 perm 1f030000     0     0 asymmetri Firm: Its key: 11: X509.rsa 11 []\n";
        assert_eq!(search(text, b"Build key"), KeySearch::Found(b"Build key".to_vec()));
        assert_eq!(search(text, b"Its key"), KeySearch::Found(b"Firm".to_vec()));
        assert_eq!(search(text, b"My key"), KeySearch::Missing);
        assert_eq!(search(text, b""), KeySearch::Missing);
        assert_eq!(search(b"", b"My key"), KeySearch::Unknown);
    }
}
