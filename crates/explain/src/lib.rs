//! What `modprobe` would do with a name, and why.
//!
//! In go a name with what it stands for, the configuration, the indexes, and the kernel
//! that is asked about; out comes an account: as text, a fact a line, or as JSON Lines
//! (`kmod-json`(5)), with a verdict. The plan is the one that `modprobe` carries out.
//!
//! Reads only. It changes nothing, runs nothing, and knows no option of a command line.
#![cfg_attr(test, allow(clippy::restriction))]

mod account;
mod json;
mod question;
mod text;
mod uses;
mod verdict;

pub use question::{Form, Question};
pub use verdict::Answer;
