//! The commands that the configuration has in the place of modules.
//!
//! In go a line's command and the options of a module; out comes what a shell is given,
//! and how it ended. It knows neither the configuration nor modules: which command runs,
//! and when, is for the caller to say.
#![cfg_attr(test, allow(clippy::restriction))]

mod command_line;
mod shell;

pub use command_line::CommandLine;
pub use shell::{Commands, Shell, Status};
