use std::ops::Range;

use crate::bytes;

/// The bytes of a file: all of them, or those parts that were read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    Whole(&'a [u8]),
    Parts {
        /// Bytes in the file.
        size: u64,
        parts: &'a [Part],
        /// The parts, one behind the other.
        bytes: &'a [u8],
    },
}

/// Where bytes of the file lie in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where in the file they start.
    pub(crate) offset: u64,
    /// Where in memory they are.
    pub(crate) held: Range<usize>,
}

impl<'a> View<'a> {
    /// Bytes in the file.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Parts { size, .. } => *size,
        }
    }

    /// Whether the file has `size` bytes from `offset` on, held or not.
    pub(crate) fn contains(&self, offset: u64, size: u64) -> bool {
        offset.checked_add(size).is_some_and(|end| end <= self.size())
    }

    /// `size` bytes from `offset` on; `None` if the file ends before, or if they are in
    /// no part that is held.
    pub(crate) fn range(&self, offset: u64, size: u64) -> Option<&'a [u8]> {
        match *self {
            Self::Whole(whole) => bytes::range(whole, offset, size),
            Self::Parts { .. } if !self.contains(offset, size) => None,
            Self::Parts { .. } if size == 0 => Some(&[]),
            Self::Parts { parts, bytes, .. } => parts.iter().find_map(|part| {
                let inside = offset.checked_sub(part.offset)?;
                bytes::range(bytes.get(part.held.clone())?, inside, size)
            }),
        }
    }
}
