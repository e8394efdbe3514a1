//! How modules are called.
//!
//! In go the spellings that people, files and the kernel use; out come
//! canonical names ([`ModuleName`]), normalised alias texts ([`alias`]) and
//! answers of glob patterns (`glob`). Everything is bytes: neither the kernel
//! nor the file system promises UTF-8. Knows no file and no format.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "numbers are places in a text, and every look at one is checked"
)]
#![cfg_attr(test, allow(clippy::restriction))]

mod bracket;
mod glob;
mod module_name;

pub use glob::{matches, matches_within};
pub use module_name::{ModuleName, UnmatchedBracket, alias};
