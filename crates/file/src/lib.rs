//! A module file's path to its decompressed bytes.
//!
//! In goes a path (or packed bytes); out come an open file that knows how it is
//! packed ([`ModuleFile`]) and the bytes within. What a file is packed with is
//! told by its first bytes, never by its name. Knows nothing of ELF and of where
//! modules lie; a file that unpacks to more than a bound is refused, and memory
//! for what a header only promises is asked for in a way that may be denied.
//!
//! Nothing here waits for the other end of a pipe to be opened ([`open_now`]).
//! Who but root can change what a path leads to is told by [`ExposureCheck`].
#![cfg_attr(test, allow(clippy::restriction))]

mod access_list;
mod compression;
mod decompress;
mod errno;
mod error;
mod exposure;
mod fault;
mod from_here;
mod gzip;
mod module_file;
mod now;
mod refusal;
mod unpacker;
mod xz;
mod zstd;

pub use compression::{Compression, EXTENSIONS, strip_extension};
pub use decompress::{DEFAULT_LIMIT, decompress};
pub use errno::{errno_text, io_text};
pub use error::Error;
pub use exposure::{Exposed, ExposureCheck};
pub use fault::is_fault;
pub use from_here::from_here;
pub use module_file::ModuleFile;
pub use now::{LONGEST_TEXT, open_now, read_now, read_now_with_metadata, read_text};
pub use refusal::kernel_may_refuse;
pub use unpacker::Unpacker;
