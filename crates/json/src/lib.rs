//! What the tools tell, as JSON Lines: one object a line, for programs (`kmod-json`(5)).
//!
//! In go names, plans, directives and a module's fields, as other crates have them; out
//! come lines in the one shape that each of them has. It never asks anything and knows no
//! option of a command line: what is told is for the caller to find out.
//!
//! Not serde_json: what is written here is bytes more often than text, has a
//! dozen shapes, and is never read back; the writer is a tenth of its size in the
//! program. The tests read everything with it.
#![cfg_attr(test, allow(clippy::restriction))]

mod check;
mod line;
mod lsmod;
mod modinfo;
mod modprobe;
mod planned;

pub use check::put_finding;
pub use line::Line;
pub use lsmod::Loaded;
pub use modinfo::{Parameter, Shown};
pub use modprobe::{config, plan, removal, targets};
pub use planned::{put_origin, put_steps, put_target};
