//! A log function of C.
//!
//! SAFETY: function and data are C's, which promises that they go together; the shim
//! (`log.c`) passes them on with texts that live as long as the call.

use std::ffi::{c_char, c_int, c_void};

use crate::Listener;
use crate::text::c_text;

/// Takes a `va_list` last, which no type of stable Rust is.
pub(super) type LogFn = extern "C" fn();

/// A function of C with its data.
pub(super) struct Foreign {
    pub(super) function: LogFn,
    pub(super) data: *const c_void,
}

unsafe extern "C" {
    fn komod_log(
        to: LogFn,
        data: *const c_void,
        priority: c_int,
        function: *const c_char,
        format: *const c_char,
        ...
    );
}

impl Listener for Foreign {
    fn hear(&self, priority: i32, function: &str, text: &str) {
        let (function, text) = (c_text(function.as_bytes()), c_text(text.as_bytes()));
        // SAFETY: the format takes exactly the one string behind it.
        unsafe {
            let format = c"%s".as_ptr();
            komod_log(self.function, self.data, priority, function.as_ptr(), format, text.as_ptr());
        }
    }
}
