//! What is done to a file: it is cut, or one of its bytes is another.

use std::fmt;

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only so many bytes are left.
    Cut(usize),
    /// The byte at a place has this value.
    Set(usize, u8),
}

/// Every length shorter than the file's, and for each byte what it becomes when one bit,
/// or all of them, are flipped, 0 and 255.
pub fn all(bytes: &[u8]) -> Vec<Change> {
    let mut changes: Vec<_> = (0..bytes.len()).map(Change::Cut).collect();
    for (at, byte) in bytes.iter().enumerate() {
        let mut values: Vec<u8> = (0..8).map(|bit| byte ^ (1 << bit)).collect();
        values.extend([!byte, 0, 0xff]);
        values.sort_unstable();
        values.dedup();
        values.retain(|value| value != byte);
        changes.extend(values.into_iter().map(|value| Change::Set(at, value)));
    }
    changes
}

impl Change {
    /// The file after it.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Cut(length) => bytes.truncate(length),
            Self::Set(at, value) => bytes[at] = value,
        }
        bytes
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(length) => write!(f, "cut to {length} bytes"),
            Self::Set(at, value) => write!(f, "with {value:#04x} at {at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_length_is_among_them() {
        let changes = all(b"ab");
        assert!(changes.contains(&Change::Cut(0)) && changes.contains(&Change::Cut(1)));
        for value in [b'a' ^ 1, b'a' ^ 0x80, !b'a', 0, 0xff] {
            assert!(changes.contains(&Change::Set(0, value)), "{value}");
        }
        assert!(changes.iter().all(|change| change.of(b"ab") != b"ab"));
        assert_eq!(Change::Set(1, b'c').of(b"ab"), b"ac");
    }
}
