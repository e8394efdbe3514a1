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

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Span,
    value: Span,
    priority: u32,
}

/// A piece of the text. There are tens of thousands, and each is looked up where it
/// happens to lie: they are small.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    length: u32,
}

/// An entry in the order of keys.
#[derive(Debug, Clone, Copy)]
struct Sorted {
    key: Span,
    /// How many bytes its key has in common with the key before it.
    shared: u32,
    entry: u32,
}

/// A node to be written: sorted entries of which each but the first shares more than
/// `from` bytes with the one before.
struct Todo {
    entries: Range<usize>,
    /// Bytes of their keys that stand in the nodes above.
    from: usize,
    /// Bytes that all their keys have in common.
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
        // A module's aliases come one after the other.
        let last = self.entries.last().map(|last| last.value).unwrap_or_default();
        let same = last.length > 0 && last.of(&self.text) == value;
        let value = if same { last } else { self.store(value) };
        self.entries.push(Entry { key, value, priority });
        Ok(())
    }

    /// [`Self::finish`] sees to it that numbers suffice.
    fn store(&mut self, text: &[u8]) -> Span {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text);
        Span { start, length: text.len() as u32 }
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
        let too_large = |size: usize| TooLarge { size: size as u64 };
        let count = u32::try_from(self.entries.len());
        let count = count.map_err(|_| too_large(self.entries.len()))?;
        u32::try_from(self.text.len()).map_err(|_| too_large(self.text.len()))?;
        let entry = |number: u32| self.entries.get(number as usize);
        let span = |number| entry(number).map(|entry| entry.key).unwrap_or_default();
        let order = crate::sort::sorted(
            count,
            |number| span(number).of(&self.text),
            |a, b| {
                let priority = |number| entry(number).map(|entry| entry.priority);
                // Of equal priorities the last inserted comes first.
                priority(a).cmp(&priority(b)).then(b.cmp(&a))
            },
        );
        let mut keys: Vec<Sorted> = Vec::with_capacity(order.len());
        let mut before: &[u8] = &[];
        for entry in order {
            let key = span(entry);
            let text = key.of(&self.text);
            keys.push(Sorted { key, shared: common(before, text), entry });
            before = text;
        }
        let writer = Writer { text: &self.text, entries: &self.entries, keys: &keys };
        writer.write()
    }
}

impl Span {
    fn of(self, text: &[u8]) -> &[u8] {
        let start = self.start as usize;
        text.get(start..start.saturating_add(self.length as usize)).unwrap_or_default()
    }
}

/// How many bytes two keys begin with both.
fn common(a: &[u8], b: &[u8]) -> u32 {
    let words = a.chunks_exact(8).zip(b.chunks_exact(8));
    let start = words.take_while(|(a, b)| a == b).count().saturating_mul(8);
    let rest = a.iter().zip(b).skip(start).take_while(|(a, b)| a == b).count();
    start.saturating_add(rest) as u32
}

struct Writer<'a> {
    text: &'a [u8],
    entries: &'a [Entry],
    keys: &'a [Sorted],
}

impl Writer<'_> {
    fn write(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = Vec::new();
        for word in [MAGIC, VERSION, 0] {
            number(&mut out, word);
        }
        // The root alone never has a prefix.
        let root = Todo { entries: 0..self.keys.len(), from: 0, depth: 0, slot: ROOT_SLOT };
        let mut todo = vec![root];
        while let Some(next) = todo.pop() {
            self.node(&next, &mut out, &mut todo)?;
        }
        Ok(out)
    }

    /// Writes one node, notes its children as things to do, the first of them on top, and
    /// fills in its reference.
    fn node(&self, node: &Todo, out: &mut Vec<u8>, todo: &mut Vec<Todo>) -> Result<(), TooLarge> {
        let (at, depth) = (out.len(), node.depth);
        let size = u64::try_from(at).unwrap_or(u64::MAX);
        let offset = u32::try_from(at).ok().filter(|&at| at <= OFFSET);
        let mut reference = offset.ok_or(TooLarge { size })?;

        let keys = self.keys.get(node.entries.clone()).unwrap_or_default();
        let prefix = keys.first().and_then(|key| key.key.of(self.text).get(node.from..depth));
        if let Some(prefix @ [_, ..]) = prefix {
            reference |= HAS_PREFIX;
            out.extend_from_slice(prefix);
            out.push(0);
        }

        // The key that ends here sorts before those that go on.
        let ends = keys.iter().take_while(|key| key.key.length as usize == depth).count();
        let (values, below) = keys.split_at_checked(ends).unwrap_or_default();
        if let (Some(a), Some(z)) = (below.first(), below.last()) {
            let (first, last) = (self.byte_at(a, depth), self.byte_at(z, depth));
            reference |= HAS_CHILDREN;
            out.extend([first, last]);
            let table = out.len();
            let places = usize::from(last.saturating_sub(first)).saturating_add(1);
            out.resize(table.saturating_add(places.saturating_mul(4)), 0);
            let children = todo.len();
            let mut start = node.entries.start.saturating_add(ends);
            // Where a key shares no more than this node's bytes another child begins.
            for mine in below.chunk_by(|_, next| next.shared as usize > depth) {
                let Some((key, others)) = mine.split_first() else { continue };
                let byte = self.byte_at(key, depth);
                let slot = usize::from(byte.saturating_sub(first)).saturating_mul(4);
                let depth_of_all =
                    others.iter().map(|key| key.shared).fold(key.key.length, u32::min);
                let end = start.saturating_add(mine.len());
                todo.push(Todo {
                    entries: start..end,
                    from: depth.saturating_add(1),
                    depth: depth_of_all as usize,
                    slot: table.saturating_add(slot),
                });
                start = end;
            }
            todo.get_mut(children..).unwrap_or_default().reverse();
        }

        if !values.is_empty() {
            reference |= HAS_VALUES;
            number(out, u32::try_from(values.len()).map_err(|_| TooLarge { size })?);
            for entry in values.iter().filter_map(|key| self.entries.get(key.entry as usize)) {
                number(out, entry.priority);
                out.extend_from_slice(entry.value.of(self.text));
                out.push(0);
            }
        }
        let slot = node.slot..node.slot.saturating_add(4);
        if let Some(slot) = out.get_mut(slot) {
            slot.copy_from_slice(&reference.to_be_bytes());
        }
        Ok(())
    }

    fn byte_at(&self, key: &Sorted, at: usize) -> u8 {
        key.key.of(self.text).get(at).copied().unwrap_or_default()
    }
}

fn number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Where the header holds the root's reference.
const ROOT_SLOT: usize = 8;
