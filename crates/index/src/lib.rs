//! The files that depmod leaves: one format, read and written.
#![allow(missing_docs, unused)]
use std::io;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("magic check fail: {found:x} instead of b007f457")]
    Magic { found: u32 },
    #[error("major version check fail: {found} instead of 2")]
    Version { found: u16 },
    #[error("{size} bytes are no index: at least 12 expected")]
    TooShort { size: u64 },
}

/// One value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<'a> {
    pub priority: u32,
    pub value: &'a [u8],
}

/// A read-only index (`modules.*.bin`). Every read is bounded: broken references lead to no result, never to a panic or an endless walk.
pub struct Index {/* private: mapped or owned bytes */}
impl Index {
    /// Maps the file (the unsafe island: depmod only ever replaces by rename).
    pub fn open(path: &Path) -> Result<Self, Error> {
        todo!()
    }
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        todo!()
    }
    /// The value of lowest priority of exactly `key`.
    pub fn find(&self, key: &[u8]) -> Option<&[u8]> {
        todo!()
    }
    /// Values of every stored pattern that matches `key`, by priority; equal priorities: later found first (behaviour 3.6).
    pub fn find_matching(&self, key: &[u8]) -> Vec<Value<'_>> {
        todo!()
    }
    /// Every key and value in trie order (`modprobe -c`): a node's values, then its children by byte.
    pub fn for_each(&self, visit: &mut dyn FnMut(&[u8], Value<'_>)) {
        todo!()
    }
}

/// Collects keys and values, then writes the file's bytes (kmod 34's pre-order layout).
#[derive(Debug, Default)]
pub struct Builder {/* private */}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte:#04x} at {at}: only 7-bit ASCII other than NUL is supported")]
pub struct BadByte {
    pub at: usize,
    pub byte: u8,
}
impl Builder {
    pub fn new() -> Self {
        Self::default()
    }
    /// Bytes that an index cannot hold (0, >= 0x80) are refused and nothing is inserted.
    pub fn insert(&mut self, key: &[u8], value: &[u8], priority: u32) -> Result<(), BadByte> {
        todo!()
    }
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    /// The file. Fails only past 256 MiB (offsets have 28 bits).
    pub fn finish(self) -> Result<Vec<u8>, TooLarge> {
        todo!()
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an index of {size} bytes: the format ends at 256 MiB")]
pub struct TooLarge {
    pub size: u64,
}

/// `modules.builtin.modinfo`: NUL-separated `MOD.key=value` (behaviour section 5).
pub struct BuiltinInfo<'a> {
    bytes: &'a [u8],
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected string without modname prefix at offset {at}")]
pub struct NoPrefix {
    pub at: usize,
}
impl<'a> BuiltinInfo<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        todo!()
    }
    /// `key=value` strings of the first contiguous run with exactly that module prefix.
    pub fn of(&self, module: &[u8]) -> Result<Vec<&'a [u8]>, NoPrefix> {
        todo!()
    }
    /// All (module, `key=value`) records in file order.
    pub fn records(&self) -> impl Iterator<Item = Result<(&'a [u8], &'a [u8]), NoPrefix>> {
        std::iter::empty()
    }
}

/// One line of modules.dep(.bin): `PATH: DEP DEP...`.
pub struct DepLine<'a> {
    pub path: &'a [u8],
    pub deps: Vec<&'a [u8]>,
}
impl<'a> DepLine<'a> {
    /// `None` without a colon.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        todo!()
    }
}
