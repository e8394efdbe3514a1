//! What the last run saw of a tree of modules, and whether it still holds.
//!
//! In go keys of files ([`Key`]) and what was read in them; out come the same after
//! another run, as long as nothing speaks against them. There are five files for each
//! tree, all in one directory ([`Place`]): the keys of everything that the tree was read
//! from ([`Tree`]), what its modules say to depmod ([`Facts`], in one file, and in a second
//! one of modules that came later), and what those that are packed tell about themselves
//! ([`Told`], in two files again).
//!
//! Nothing here is an error: a file that is missing, damaged, of another version or not
//! surely its owner's is no answer, and who asked does without. The crate knows no
//! module format, no option and no output file.
#![cfg_attr(test, allow(clippy::restriction))]

mod bytes;
mod facts;
mod file_system;
mod key;
mod place;
mod told;
mod tree;

pub use bytes::checksum;
pub use facts::{Facts, FactsWriter, ModuleFacts, Text, Want};
pub use key::{FileKind, Key, Known, Moment, Trust, is_open};
pub use place::{Bytes, DEFAULT, Place, is_root, name_of};
pub use told::{Tale, Told, tell_apart};
pub use tree::{Directory, Entry, EntryKind, FactsPlace, Module, Output, Tree};
