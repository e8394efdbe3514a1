//! The files that depmod leaves, read and written: one format, in one place.
//!
//! In go the bytes of `modules.*.bin`, of `modules.builtin.modinfo` and of the
//! lines of `modules.dep` and `modules.devname`; out come answers ([`Index`],
//! [`BuiltinInfo`], [`DepLine`], [`DeviceNode`]), and with [`Builder`] the bytes
//! of an index. The head of `node.rs` describes the format.
//!
//! It does not know which file means what, where files live, or what a module
//! is: keys and values are bytes. It opens one path and only to map it.
#![cfg_attr(test, allow(clippy::restriction))]

mod builtin;
mod dep_line;
mod devname;
mod error;
mod index;
mod leases;
mod map;
mod node;
mod progress;
mod search;
mod sort;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub use builtin::{BuiltinInfo, NoPrefix};
pub use dep_line::DepLine;
pub use devname::{DeviceKind, DeviceNode};
pub use error::Error;
pub use index::Index;
pub use node::Value;
pub use write::{BadByte, Builder, TooLarge};
