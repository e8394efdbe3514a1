//! What a list holds.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use crate::Module;

/// One entry of a list. Each kind has its own functions in C; asked with the wrong
/// ones an entry answers where it can: one known program looks for the names of needed
/// symbols with the function for exported ones.
pub enum Item {
    /// A module.
    Module(Rc<Module>),
    /// `KEY=VALUE` of a module.
    Info {
        /// Before the first `=`.
        key: CString,
        /// Behind it; empty without one.
        value: CString,
    },
    /// A symbol that a module has a version of, or offers.
    Symbol {
        /// Its name.
        name: CString,
        /// Its checksum; 0 without one.
        crc: u64,
    },
    /// A symbol that a module needs.
    Need {
        /// Its name.
        name: CString,
        /// The checksum it was built against; 0 without one.
        crc: u64,
        /// `U` or `W`.
        bind: u8,
    },
    /// Where a section of a loaded module is.
    Section {
        /// Its name.
        name: CString,
        /// Its address in the kernel.
        address: u64,
    },
}

impl Item {
    /// The name of a symbol, whoever has it.
    pub fn symbol(&self) -> Option<&CStr> {
        match self {
            Item::Symbol { name, .. } | Item::Need { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Its checksum.
    pub fn crc(&self) -> Option<u64> {
        match self {
            Item::Symbol { crc, .. } | Item::Need { crc, .. } => Some(*crc),
            _ => None,
        }
    }
}
