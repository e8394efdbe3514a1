//! A module file's path to its decompressed bytes.
#![allow(missing_docs, unused, clippy::ptr_arg)]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Plain,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// By the magic bytes at the start of a file (behaviour 4.6); anything else is `Plain`.
    pub fn of_magic(start: &[u8]) -> Self {
        todo!()
    }
    /// The algorithm called so in `/sys/module/compression`; `None` if unknown.
    pub fn of_kernel_name(name: &[u8]) -> Option<Self> {
        todo!()
    }
}

/// File name endings of modules, `.ko` first: what depmod and modinfo take for a module.
pub const EXTENSIONS: [&[u8]; 4] = [b".ko", b".ko.gz", b".ko.xz", b".ko.zst"];
/// `name` without its module extension; `None` when it has none or is nothing but it.
pub fn strip_extension(name: &[u8]) -> Option<&[u8]> {
    todo!()
}

/// Default ceiling of decompressed size.
pub const DEFAULT_LIMIT: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The codec's own words, e.g. codec "xz", message "File is corrupt" (printed by kmod as `xz: File is corrupt`); errno EINVAL.
    #[error("{codec}: {message}")]
    Corrupt { codec: &'static str, message: String },
    #[error("unpacks to more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// Fewer than 6 bytes (kmod: EINVAL)
    #[error("{size} bytes are no module: at least 6 expected")]
    TooShort { size: u64 },
}
impl Error {
    /// errno as kmod reports it
    pub fn raw_os_error(&self) -> i32 {
        todo!()
    }
}

/// An open module file, not yet decompressed.
#[derive(Debug)]
pub struct ModuleFile {/* private */}
impl ModuleFile {
    /// Opens (close-on-exec) and looks at the magic. A file that cannot seek is read into memory.
    pub fn open(path: &Path) -> Result<Self, Error> {
        todo!()
    }
    pub fn compression(&self) -> Compression {
        todo!()
    }
    /// The open descriptor for finit_module; `None` for one that could not seek.
    pub fn file(&self) -> Option<&File> {
        todo!()
    }
    /// Reads and decompresses all of it.
    pub fn contents(&self) -> Result<Vec<u8>, Error> {
        todo!()
    }
}
/// Decompresses `packed` into `out` (cleared first; capacity reused).
pub fn decompress(
    packed: &[u8],
    compression: Compression,
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    todo!()
}
