//! Bytes for C, and words for an errno.

use std::ffi::CString;
use std::io;

use komod_kernel::Errno;

/// `bytes` up to the first NUL, as C reads them.
pub(crate) fn c_text(bytes: &[u8]) -> CString {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// The C library's words.
pub(crate) fn errno_text(errno: Errno) -> String {
    let text = io::Error::from_raw_os_error(errno as i32).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The errno of an error of input or output; EINVAL where none is behind it.
pub(crate) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
}
