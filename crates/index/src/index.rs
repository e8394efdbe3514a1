use crate::map::Bytes;
use crate::node::{self, Node, Value};
use crate::walk::{Budget, Order, Visitor, walk};
use crate::{Error, search};
use std::fmt;
use std::path::Path;

/// An index to be asked: one of depmod's `modules.*.bin`, of any version of
/// the format 2 (kmod since 3).
///
/// Broken references lead to no result, never to a panic or an endless walk:
/// a question reads no more bytes than the file has (times one more than the
/// question has wildcard characters, at most 16 times), takes no more than 2^26
/// steps to compare patterns with brackets or, if it has more than 255 bytes,
/// any patterns; keys are no longer than the file, and nodes no deeper than
/// 2^16. What is beyond is not found.
pub struct Index {
    bytes: Bytes,
    root: u32,
}

impl Index {
    /// The file as it is now, mapped if it can be: what replaces it by rename
    /// meanwhile is not seen, and who wants to write into it waits until the `Index`
    /// is dropped, at most some 45 s. For who soon does so.
    ///
    /// # Errors
    /// When the file cannot be read, is not a regular one, is shorter than a
    /// header (an empty file, too) or has another magic or major version.
    /// What is behind the header is only looked at when it is asked for.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::new(Bytes::map(path)?)
    }

    /// As [`Index::open`], but a copy, which holds up nobody: for who keeps it.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::new(Bytes::read(path)?)
    }

    /// An index from memory.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        Self::new(Bytes::Owned(bytes))
    }

    fn new(bytes: Bytes) -> Result<Self, Error> {
        let root = node::root(&bytes)?;
        Ok(Self { bytes, root })
    }

    fn root(&self) -> Option<Node<'_>> {
        Node::at(&self.bytes, self.root)
    }

    /// The value of lowest priority of exactly `key`: how `modules.dep.bin` and
    /// `modules.builtin.bin` are asked. `None` when the key is not there.
    pub fn find(&self, key: &[u8]) -> Option<&[u8]> {
        search::exact(&self.bytes, self.root()?, key)
    }

    /// The values of every stored key that, taken as a pattern, matches `key`:
    /// how the indexes of aliases and symbols are asked. By ascending
    /// priority; of equal priorities what is found later comes first.
    ///
    /// The bytes of a stored key before its first `*`, `?` or `[` are compared
    /// literally, a backslash too; the rest matches as `fnmatch`(3). Where
    /// `key` itself holds wildcard characters a value can come twice, as it
    /// does with kmod.
    pub fn find_matching(&self, key: &[u8]) -> Vec<Value<'_>> {
        match self.root() {
            Some(root) => search::matching(&self.bytes, root, key),
            None => Vec::new(),
        }
    }

    /// Calls `visit` with every key and value in the order of `modprobe -c`: a
    /// node's values, then its children by their byte. Ends early in a broken
    /// index whose nodes are reached more than once, or whose keys, each
    /// counted for each value, have more than 256 times the file's bytes.
    pub fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&[u8], Value<'a>)) {
        let Some(root) = self.root() else { return };
        let mut budget = Budget::new(self.bytes.len(), 1);
        if budget.spend(root.size()).is_none() {
            return;
        }
        let shown = Budget::new(self.bytes.len(), 256);
        let (order, mut all) = (Order::ValuesFirst, All { visit, shown });
        let _ = walk(&self.bytes, root, root.prefix, (), order, &mut budget, &mut all);
    }
}

/// Passes everything on, keys for each value.
struct All<'v, 'a> {
    visit: &'v mut dyn FnMut(&[u8], Value<'a>),
    /// How many bytes of keys are still shown.
    shown: Budget,
}

impl<'a> Visitor<'a> for All<'_, 'a> {
    type State = ();

    fn enter(&self, (): (), _: &[u8]) -> Option<()> {
        Some(())
    }

    fn wants(&mut self, (): (), _: &[u8]) -> Option<bool> {
        Some(true)
    }

    fn visit(&mut self, key: &[u8], value: Value<'a>) -> Option<()> {
        self.shown.spend(key.len())?;
        (self.visit)(key, value);
        Some(())
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("size", &self.bytes.len()).finish_non_exhaustive()
    }
}
