//! The bytes of an index file, one node at a time.
//!
//! All numbers are big-endian and nothing is aligned.
//!
//! ```text
//! header     magic b007f457, version 00020001, reference of the root
//! reference  4 bits of flags, 28 bits of file offset; offset 0 is no node
//! node       [prefix, NUL]                            if flag 0x80000000
//!            [first, last, a reference for each byte  if flag 0x20000000
//!             first..=last, 0 where there is no child]
//!            [count, then count times priority,       if flag 0x40000000
//!             value, NUL]
//! ```
//!
//! The bytes from the root to a node make its key: prefixes, and between them
//! the byte that chose the child. kmod up to 33 wrote children before their
//! node, 34 writes them behind it; only the offsets say which.
//!
//! Nothing here trusts a byte of the file. A node that does not fit in it is
//! no node; a list of values ends where the file does, whatever it announces.

use crate::Error;

/// Bytes of a header, hence of the smallest file.
pub(crate) const HEADER: u64 = 12;
/// Bytes of the largest: what offsets lead to, and as much behind the last of them as one
/// node may well have.
pub(crate) const LARGEST: u64 = (OFFSET as u64) + (1 << 20);
pub(crate) const MAGIC: u32 = 0xb007_f457;
pub(crate) const VERSION: u32 = 0x0002_0001;
pub(crate) const OFFSET: u32 = 0x0fff_ffff;
pub(crate) const HAS_PREFIX: u32 = 0x8000_0000;
pub(crate) const HAS_VALUES: u32 = 0x4000_0000;
pub(crate) const HAS_CHILDREN: u32 = 0x2000_0000;
/// Keys are 7-bit: a child for a byte from here on is no child.
const CHARACTERS: u8 = 128;

/// One value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// The position of the value's module: the smallest comes first.
    pub priority: u32,
    /// Without the NUL that ends it in the file.
    pub value: &'a [u8],
}

/// A node, as found at a reference. Every part of it lies in the file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Node<'a> {
    pub(crate) prefix: &'a [u8],
    first: u8,
    /// References, four bytes each.
    children: &'a [u8],
    count: u32,
    /// From the first value to the end of the file.
    values: &'a [u8],
}

impl<'a> Node<'a> {
    /// The node that `reference` leads to in `file`; `None` if it leads
    /// nowhere or to bytes that are no node.
    pub(crate) fn at(file: &'a [u8], reference: u32) -> Option<Self> {
        let mut rest = Some(behind(file, reference)).filter(|rest| !rest.is_empty())?;
        let mut node = Node::default();
        if reference & HAS_PREFIX != 0 {
            (node.prefix, rest) = string(rest)?;
        }
        if reference & HAS_CHILDREN != 0 {
            let [first, last, table @ ..] = rest else { return None };
            if *last >= CHARACTERS {
                return None;
            }
            let size = usize::from(last.checked_sub(*first)?).checked_add(1)?.checked_mul(4)?;
            node.first = *first;
            (node.children, rest) = table.split_at_checked(size)?;
        }
        if reference & HAS_VALUES != 0 {
            (node.count, node.values) = number(rest)?;
        }
        Some(node)
    }

    /// The reference of the child for `byte`, if there is one.
    pub(crate) fn child(&self, byte: u8) -> Option<u32> {
        let slot = usize::from(byte.checked_sub(self.first)?);
        let (reference, _) = number(self.children.get(slot.checked_mul(4)?..)?)?;
        Some(reference).filter(|reference| reference & OFFSET != 0)
    }

    /// Takes the first child that is left, with its byte: children come ascending.
    pub(crate) fn take_child(&mut self) -> Option<(u8, u32)> {
        // Most slots are empty: nothing is done here for each of them but this.
        while let Some((reference, rest)) = self.children.split_first_chunk() {
            let byte = self.first;
            self.children = rest;
            self.first = byte.wrapping_add(1);
            let reference = u32::from_be_bytes(*reference);
            if reference & OFFSET != 0 {
                return Some((byte, reference));
            }
        }
        None
    }

    /// Whether there is room for children that are not taken.
    pub(crate) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    /// Whether it says that it has values.
    pub(crate) fn has_values(&self) -> bool {
        self.count != 0
    }

    /// The values in the order of the file.
    pub(crate) fn values(&self) -> Values<'a> {
        Values { left: self.count, rest: self.values }
    }

    /// How many bytes of the file the node takes, its values not counted, while no
    /// child is taken.
    pub(crate) fn size(&self) -> usize {
        self.prefix.len().saturating_add(self.children.len()).saturating_add(1)
    }
}

/// Values of a node.
pub(crate) struct Values<'a> {
    left: u32,
    rest: &'a [u8],
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let left = self.left.checked_sub(1)?;
        let (priority, rest) = number(self.rest)?;
        let (value, rest) = string(rest)?;
        (self.left, self.rest) = (left, rest);
        Some(Value { priority, value })
    }
}

impl Values<'_> {
    /// After the last value: the bytes in which one more was looked for in
    /// vain.
    pub(crate) fn looked_through(&self) -> usize {
        if self.left == 0 { 0 } else { self.rest.len() }
    }
}

impl Value<'_> {
    /// How many bytes of the file the value takes.
    pub(crate) fn size(&self) -> usize {
        self.value.len().saturating_add(5)
    }
}

/// What stands in `file` from where `reference` leads to on.
pub(crate) fn behind(file: &[u8], reference: u32) -> &[u8] {
    match usize::try_from(reference & OFFSET) {
        Ok(0) | Err(_) => &[],
        Ok(offset) => file.get(offset..).unwrap_or_default(),
    }
}

/// The reference of the root.
pub(crate) fn root(file: &[u8]) -> Result<u32, Error> {
    let short = || Error::TooShort { size: u64::try_from(file.len()).unwrap_or(u64::MAX) };
    let (magic, rest) = number(file).ok_or_else(short)?;
    let (version, rest) = number(rest).ok_or_else(short)?;
    let (root, _) = number(rest).ok_or_else(short)?;
    if magic != MAGIC {
        return Err(Error::Magic { found: magic });
    }
    let major = u16::try_from(version >> 16).unwrap_or(u16::MAX);
    if u32::from(major) != VERSION >> 16 {
        return Err(Error::Version { found: major });
    }
    Ok(root)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// The bytes before the first NUL and those behind it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end.checked_add(1)?..)?))
}
