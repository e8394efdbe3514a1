use std::io;

/// Why bytes are no index. The path is the caller's to add.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened, looked at or mapped.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A directory, a pipe, a device: nothing that can be mapped.
    #[error("not a regular file")]
    NotRegular,
    /// The first four bytes are another number.
    #[error("magic check fail: {found:x} instead of b007f457")]
    Magic {
        /// What stands there, big-endian.
        found: u32,
    },
    /// Another major version, thus another format. The minor version is not
    /// looked at.
    #[error("major version check fail: {found} instead of 2")]
    Version {
        /// The upper half of the version field.
        found: u16,
    },
    /// Not even a header. An empty file is what depmod of kmod leaves when
    /// the kernel came without a list of its built-in modules.
    #[error("{size} bytes are no index: at least 12 expected")]
    TooShort {
        /// Bytes of the file.
        size: u64,
    },
    /// More bytes than offsets lead to.
    #[error("{size} bytes are more than an index has")]
    TooLong {
        /// Bytes of the file.
        size: u64,
    },
}
