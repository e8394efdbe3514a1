//! How modules are called.
//!
//! In go the spellings that people, files and the kernel use; out come
//! canonical names ([`ModuleName`]), normalised alias texts ([`alias`]) and
//! answers of glob patterns (`glob`). Everything is bytes: neither the kernel
//! nor the file system promises UTF-8. Knows no file and no format.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod bracket;
mod glob;
mod module_name;

pub use glob::{matches, matches_within};
pub use module_name::{ModuleName, UnmatchedBracket, alias};
