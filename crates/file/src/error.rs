use std::io;
use std::path::Path;

use crate::is_fault;

/// Why a module file gave no bytes. Knows no path: the caller does.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused to open or read the file, or to give the memory.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The packed bytes are damaged or cut short; the words are the codec's own,
    /// as kmod prints them.
    #[error("{codec}: {message}")]
    Corrupt {
        /// `gzip`, `xz` or `zstd`.
        codec: &'static str,
        /// For example `File is corrupt`.
        message: String,
    },
    /// Refused: more bytes come out, or are in a plain file, than the bound allows.
    #[error("{found} bytes or more unpacked, {limit} are allowed")]
    TooLarge {
        /// How many bytes came out, or the headers name.
        found: u64,
        /// The bound in bytes.
        limit: u64,
    },
    /// Too short to tell how it is packed.
    #[error("{size} bytes are no module: at least 6 expected")]
    TooShort {
        /// Bytes in the file.
        size: u64,
    },
}

impl Error {
    /// What is worth a line before the one with [`Error::raw_os_error`]: the codec's own
    /// words, or that the file at `path` is too large, and what is allowed. `None` where
    /// the errno says it all.
    pub fn detail(&self, path: &Path) -> Option<String> {
        match self {
            Self::Corrupt { .. } => Some(self.to_string()),
            Self::TooLarge { .. } => Some(format!("{}: {self}", path.display())),
            Self::Io(_) | Self::TooShort { .. } => None,
        }
    }

    /// Whether it says nothing of the file ([`is_fault`]).
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Io(error) if is_fault(error))
    }

    /// The errno by which kmod would report this: the system's own, EFBIG for a
    /// file past the bound (which kmod does not have), else EINVAL.
    pub fn raw_os_error(&self) -> i32 {
        const EINVAL: i32 = 22;
        const EFBIG: i32 = 27;
        const ENOMEM: i32 = 12;
        match self {
            Self::Io(error) => match error.raw_os_error() {
                Some(errno) => errno,
                None if error.kind() == io::ErrorKind::OutOfMemory => ENOMEM,
                None => EINVAL,
            },
            Self::TooLarge { .. } => EFBIG,
            Self::Corrupt { .. } | Self::TooShort { .. } => EINVAL,
        }
    }
}
