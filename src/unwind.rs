//! The unwinder's functions for the static program, which never unwinds: a panic aborts.
//!
//! Rust's own library names these functions, and with them come the reader of frame
//! tables and that of debugging information, which a stripped program has none of: a
//! tenth of its size. A panic still says where it was; `RUST_BACKTRACE` adds no lines.
#![allow(unsafe_code)] // island: functions with C's names

use std::ffi::c_void;

/// `_URC_END_OF_STACK`: there are no frames to show.
const END_OF_STACK: u32 = 5;

/// Shows no frame.
// SAFETY: no other function of this name is linked: the linker refuses a second one.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_each: *const c_void, _data: *mut c_void) -> u32 {
    END_OF_STACK
}

/// Functions that are called only for a frame or while the stack unwinds, so never:
/// what they would be given is no matter.
macro_rules! never_called {
    ($($name:ident)*) => { $(
        // SAFETY: as above.
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            std::process::abort()
        }
    )* };
}

never_called! {
    _Unwind_GetDataRelBase
    _Unwind_GetIP
    _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart
    _Unwind_GetTextRelBase
    _Unwind_Resume
    _Unwind_SetGR
    _Unwind_SetIP
}
