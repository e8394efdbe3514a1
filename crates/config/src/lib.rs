//! What the administrator wrote: modprobe.d, depmod.d, the kernel command line.
//!
//! In go paths of files and directories, or bytes; out come directives in the
//! order written ([`Config`], [`DepmodConfig`]), each with its [`Origin`]. Bad
//! lines are data ([`Warning`]), never a failure. Only `files.rs` touches the
//! file system.
//!
//! It does not know which modules exist, what an index is, or what a directive
//! leads to: it answers which directive holds for a name, no more.
#![cfg_attr(test, allow(clippy::restriction))]

mod cmdline;
mod config;
mod deny;
mod depmod;
mod directive;
mod files;
mod line;
mod lookup;
mod modprobe;
mod origin;
mod version;

pub use config::Config;
pub use deny::{Allow, Deny};
pub use depmod::{DepmodConfig, DepmodFile, External, Override, SearchWord};
pub use directive::{Alias, Blacklist, Command, Options, Softdep, Weakdep};
pub use files::Search;
pub use origin::{Level, Origin, Warning};
