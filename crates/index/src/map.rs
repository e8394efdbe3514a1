//! An island of unsafe code: the read-only map of one file.
#![allow(unsafe_code)]

use crate::Error;
use std::fs::{self, File};
use std::ops::Deref;
use std::path::Path;

/// Bytes of an index: those of a file, in place, or somebody's own.
pub(crate) enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps the regular file `path` as long as it is now.
    pub(crate) fn map(path: &Path) -> Result<Self, Error> {
        // Asked before the file is opened: opening a pipe waits for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(Error::NotRegular);
        }
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        // A map of no bytes is refused by the kernel.
        if size < crate::node::HEADER {
            return Err(Error::TooShort { size });
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        // SAFETY: nobody writes into an index file that is in use: depmod only
        // ever replaces one, by rename, and the map keeps the old one alive.
        // The map is never handed out as anything but bytes of any value.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(&file) }?;
        Ok(Self::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
