//! The edge to C: the functions of `libkmod.h`, each a few lines.
//!
//! What C programs promise (and no code can check): a pointer they give is NULL or
//! valid for what the header says it is; a reference is given back once; strings end
//! with a NUL; one context and all that came from it is used by one thread at a time.
//! With that promise [`handle`] makes safe types of pointers; it, the functions' names
//! below and the log's C shim are all the unsafe code there is.
//!
//! No panic leaves a function: [`guard`] catches it and answers what the function
//! answers when it fails.
#![allow(unsafe_code)]

/// Functions as C sees them.
macro_rules! c_functions {
    ($(fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $answer:ty)? $body:block)*) => { $(
        // SAFETY: no other function has this name, or the library would not link.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $kind),*) $(-> $answer)? $body
    )* };
}

mod config;
mod contents;
mod context;
mod handle;
mod insert;
mod kernel;
mod list;
mod log;
mod lookup;
mod module;

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use komod_kernel::Errno;

use crate::Item;
use handle::{Entry, Slot};

/// What a function answers that C gave nothing to work on.
const NOTHING: c_int = negative(Errno::ENOENT);
/// What a function answers that cannot be, or that panicked.
const INVALID: c_int = negative(Errno::EINVAL);

/// Runs a function's body; `failed` is the answer if it panics.
fn guard<T>(failed: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => answer,
        // What was thrown is left alone: taking it apart could panic again.
        Err(thrown) => {
            std::mem::forget(thrown);
            failed
        }
    }
}

/// `-errno`, as C's functions answer.
const fn negative(errno: Errno) -> c_int {
    (errno as c_int).wrapping_neg()
}

/// 0 or `-errno`.
fn status(result: Result<(), Errno>) -> c_int {
    result.map_or_else(negative, |()| 0)
}

/// Puts a list into an empty slot of C's. Returns its length, or `-errno`.
fn counted(slot: Slot<Entry>, items: impl FnOnce() -> Result<Vec<Item>, Errno>) -> c_int {
    match slot.is_empty() {
        None => NOTHING,
        Some(false) => INVALID,
        Some(true) => match items() {
            Ok(items) => {
                let count = c_int::try_from(items.len()).unwrap_or(c_int::MAX);
                slot.put(Entry::list(items));
                count
            }
            Err(errno) => negative(errno),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(guard(INVALID, || 7), 7);
        assert_eq!(guard(INVALID, || std::panic::panic_any(7)), -22);
    }
}
