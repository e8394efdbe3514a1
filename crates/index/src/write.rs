//! Keys and values into the bytes of an index.

use crate::node::{HAS_CHILDREN, HAS_PREFIX, HAS_VALUES, MAGIC, OFFSET, VERSION};
use std::ops::Range;

/// Collects keys and values, then writes the file: byte for byte what depmod
/// of kmod 34 writes (see `node.rs`; a node is followed by its subtrees).
///
/// The values of a key are written by ascending priority, of equal priorities
/// the last inserted first; nothing is dropped.
#[derive(Debug, Default)]
pub struct Builder {
    /// Keys and values, one behind the other.
    text: Vec<u8>,
    entries: Vec<Entry>,
}

/// A byte that an index cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte:#04x} at {at}: only 7-bit ASCII other than NUL is supported")]
pub struct BadByte {
    /// Where in the key, or in the value, it stands.
    pub at: usize,
    /// The byte.
    pub byte: u8,
    /// Whether it stands in the value; else in the key.
    pub in_value: bool,
}

/// More than the 28 bits of an offset can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an index of {size} bytes: the format ends at 256 MiB")]
pub struct TooLarge {
    /// Bytes written when it was noticed.
    pub size: u64,
}

#[derive(Debug)]
struct Entry {
    key: Range<usize>,
    value: Range<usize>,
    priority: u32,
}

/// A node to be written: entries (sorted) that have the first `depth` bytes
/// of their keys in common.
struct Todo {
    entries: Range<usize>,
    depth: usize,
    /// Where in the file its reference belongs.
    slot: usize,
}

impl Builder {
    /// An index without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value to a key. Priorities order the values of a key, and the
    /// answers to a question that many keys match.
    ///
    /// # Errors
    /// When a byte of key or value is 0 or above 127; nothing is inserted then.
    pub fn insert(&mut self, key: &[u8], value: &[u8], priority: u32) -> Result<(), BadByte> {
        for (text, in_value) in [(key, false), (value, true)] {
            // Without a branch a byte, as nearly all are good.
            let doubts = text.iter().fold(0, |all, byte| all | byte | byte.wrapping_sub(1));
            if doubts < 128 {
                continue;
            }
            let bad = text.iter().position(|byte| !(1..128).contains(byte));
            if let Some((at, &byte)) = bad.and_then(|at| Some((at, text.get(at)?))) {
                return Err(BadByte { at, byte, in_value });
            }
        }
        let key = self.store(key);
        let value = self.store(value);
        self.entries.push(Entry { key, value, priority });
        Ok(())
    }

    fn store(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        start..self.text.len()
    }

    /// Whether no key was inserted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of the file. Without keys: the 12 bytes of a header whose
    /// root lies at the end of the file.
    ///
    /// # Errors
    /// When a node would begin past 256 MiB.
    pub fn finish(self) -> Result<Vec<u8>, TooLarge> {
        let count = u32::try_from(self.entries.len()).map_err(|_| TooLarge { size: u64::MAX })?;
        let entry = |number: u32| self.entries.get(number as usize);
        let key = |number| entry(number).map(|e| slice(&self.text, &e.key)).unwrap_or_default();
        let order = crate::sort::sorted(count, key, |a, b| {
            let priority = |number| entry(number).map(|entry| entry.priority);
            // Of equal priorities the last inserted comes first.
            priority(a).cmp(&priority(b)).then(b.cmp(&a))
        });
        let entries: Vec<&Entry> = order.into_iter().filter_map(entry).collect();
        Writer { text: &self.text, entries: &entries, out: Vec::new() }.write()
    }
}

struct Writer<'a> {
    text: &'a [u8],
    entries: &'a [&'a Entry],
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn write(mut self) -> Result<Vec<u8>, TooLarge> {
        for number in [MAGIC, VERSION, 0] {
            self.number(number);
        }
        let root = Todo { entries: 0..self.entries.len(), depth: 0, slot: ROOT_SLOT };
        let mut todo = vec![root];
        while let Some(next) = todo.pop() {
            // The root alone never has a prefix.
            let depth = if next.slot == ROOT_SLOT { 0 } else { self.common(&next) };
            self.node(&next, depth, &mut todo)?;
        }
        Ok(self.out)
    }

    /// Writes one node whose key has `depth` bytes, notes its children as
    /// things to do, the first of them on top, and fills in its reference.
    fn node(&mut self, node: &Todo, depth: usize, todo: &mut Vec<Todo>) -> Result<(), TooLarge> {
        let at = self.out.len();
        let size = u64::try_from(at).unwrap_or(u64::MAX);
        let offset = u32::try_from(at).ok().filter(|&at| at <= OFFSET);
        let mut reference = offset.ok_or(TooLarge { size })?;

        let entries = self.entries.get(node.entries.clone()).unwrap_or_default();
        let prefix = entries.first().and_then(|e| self.key(e).get(node.depth..depth));
        if let Some(prefix @ [_, ..]) = prefix {
            reference |= HAS_PREFIX;
            self.out.extend_from_slice(prefix);
            self.out.push(0);
        }

        // The key that ends here sorts before those that go on.
        let (values, below) =
            entries.split_at(entries.partition_point(|e| self.key(e).len() == depth));
        if let (Some(a), Some(z)) = (below.first(), below.last()) {
            let (first, last) = (self.byte_at(a, depth), self.byte_at(z, depth));
            reference |= HAS_CHILDREN;
            self.out.extend([first, last]);
            let table = self.out.len();
            self.out.extend((first..=last).flat_map(|_| [0; 4]));
            let children = todo.len();
            let mut start = node.entries.start.saturating_add(values.len());
            let mut rest = below;
            while let Some(entry) = rest.first() {
                let byte = self.byte_at(entry, depth);
                let end = rest.partition_point(|e| self.byte_at(e, depth) == byte);
                let (mine, others) = rest.split_at(end);
                let end = start.saturating_add(mine.len());
                let slot = usize::from(byte.saturating_sub(first)).saturating_mul(4);
                todo.push(Todo {
                    entries: start..end,
                    depth: depth.saturating_add(1),
                    slot: table.saturating_add(slot),
                });
                (start, rest) = (end, others);
            }
            todo.get_mut(children..).unwrap_or_default().reverse();
        }

        if !values.is_empty() {
            reference |= HAS_VALUES;
            self.number(u32::try_from(values.len()).map_err(|_| TooLarge { size })?);
            for entry in values {
                self.number(entry.priority);
                self.out.extend_from_slice(slice(self.text, &entry.value));
                self.out.push(0);
            }
        }
        let slot = node.slot..node.slot.saturating_add(4);
        if let Some(slot) = self.out.get_mut(slot) {
            slot.copy_from_slice(&reference.to_be_bytes());
        }
        Ok(())
    }

    /// How many bytes all keys of a node have in common. The first and the
    /// last of a sorted list differ where any two do.
    fn common(&self, node: &Todo) -> usize {
        let entries = self.entries.get(node.entries.clone()).unwrap_or_default();
        let (Some(a), Some(z)) = (entries.first(), entries.last()) else { return node.depth };
        let pairs = self.key(a).iter().zip(self.key(z)).skip(node.depth);
        node.depth.saturating_add(pairs.take_while(|(a, z)| a == z).count())
    }

    fn key(&self, entry: &Entry) -> &'a [u8] {
        slice(self.text, &entry.key)
    }

    fn byte_at(&self, entry: &Entry, at: usize) -> u8 {
        self.key(entry).get(at).copied().unwrap_or_default()
    }

    fn number(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Where the header holds the root's reference.
const ROOT_SLOT: usize = 8;

fn slice<'a>(text: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    text.get(range.clone()).unwrap_or_default()
}
