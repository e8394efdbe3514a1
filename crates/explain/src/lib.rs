//! What `modprobe` would do with a name, and why.
//!
//! In go a name with what it stands for, the configuration, the indexes, and the kernel
//! that is asked about; out comes an account: as text, a fact a line, or as JSON Lines
//! (`kmod-json`(5)), with a verdict. The plan is the one that `modprobe` carries out.
//!
//! Reads only. It changes nothing, runs nothing, and knows no option of a command line.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod account;
mod json;
mod question;
mod text;
mod uses;
mod verdict;

pub use question::{Form, Question};
pub use verdict::Answer;
