//! What is wrong with a kernel's modules, their database and their configuration.
//!
//! In goes a place ([`Place`]): a root, a module directory, a release. Every module is
//! read once, by depmod's engine, which makes the database in memory; out come
//! [`Finding`]s, each a file, perhaps a line, and a sentence: modules that cannot load,
//! files of the database that are not what the modules say, lines of the configuration
//! that cannot take effect. What could not be looked at is told apart.
//!
//! Reads only. It never prints, never asks what is loaded, and knows no option of a
//! command line.
#![cfg_attr(test, allow(clippy::restriction))]

mod configuration;
mod database;
mod directives;
mod finding;
mod inspect;
mod names;
mod scanned;
mod symbols;
mod tree;

pub use finding::Finding;
pub use tree::{Checked, Place, check};
