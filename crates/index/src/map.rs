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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_ends_where_the_file_does_and_outlives_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        for size in [12_usize, 4095, 4096, 4097, 70_000] {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            fs::write(&path, &bytes).unwrap();
            let map = Bytes::map(&path).unwrap();
            fs::remove_file(&path).unwrap();
            assert!(*map == *bytes, "{size}");
        }
        fs::write(&path, "too short").unwrap();
        assert!(matches!(Bytes::map(&path), Err(Error::TooShort { size: 9 })));
        assert!(matches!(Bytes::map(dir.path()), Err(Error::NotRegular)));
    }
}
