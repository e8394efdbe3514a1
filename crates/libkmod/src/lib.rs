//! `libkmod.so.2`: the C interface, on the same engines as the tools.
//!
//! In go calls of C programs (`include/libkmod.h` says what they promise); out
//! come objects with a count of references, lists and numbers. [`Context`],
//! [`Module`] and their company are safe Rust: what a function does stands
//! there. The functions that C sees stand in `abi`, one to a few lines each:
//! pointers to safe types, a panic to `-EINVAL`. `link/libkmod.map` names them
//! with their versions.
//!
//! It lives in other people's processes, the first of them `init`: no thread,
//! no lock, nothing global, no descriptor that a child inherits, no output but
//! messages. Every context is a world of its own.
//!
//! Refuses to know: any file format, what should happen (the engines do), and
//! words for people beyond the messages that kmod's library has.
#![cfg_attr(test, allow(clippy::restriction))]

mod abi;
mod config_iter;
mod contents;
mod context;
mod insert;
mod list;
mod log;
mod lookup;
mod module;
mod resources;
mod state;
mod text;

pub use config_iter::{ConfigIter, Kind};
pub use context::Context;
pub use insert::{Probe, Steps};
pub use list::Item;
pub use log::{Listener, Log, Sink};
pub use module::{Filter, Module};
pub use resources::{Resources, Which};
