use std::io;

use crate::rank::Rule;

/// Takes findings in the order in which they turn up.
pub type Sink<'a> = dyn FnMut(Finding<'_>) + 'a;

/// Something noticed while the database is built. None of them stops it.
/// Paths and names are bytes as they stand on disk and in the modules.
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are called what they are")]
pub enum Finding<'a> {
    /// A directory below the module directory, or an external one, cannot be
    /// listed.
    Directory { path: &'a [u8], error: io::Error },
    /// A directory entry cannot be looked at; a dangling symlink, mostly.
    Entry { dir: &'a [u8], name: &'a [u8], error: io::Error },
    /// Of two files of one module one is taken.
    Twice { taken: &'a [u8], left: &'a [u8], rule: Rule<'a> },
    /// Neither file nor directory: a socket, a device.
    FileType { path: &'a [u8], mode: u32 },
    /// One of `modules.order`, `modules.builtin` and
    /// `modules.builtin.modinfo` cannot be read.
    Input { name: &'static str, dir: &'a [u8], error: io::Error },
    /// The module directory is not there, so neither is one of these lists.
    NoDirectory { dir: &'a [u8], error: io::Error },
    /// `modules.order` ends in the middle of a line, so none of it counts.
    OrderCut { path: &'a [u8], line: usize },
    /// A line of `modules.builtin` that does not start with a letter.
    BuiltinLine { line: &'a [u8] },
    /// A module whose exports cannot be read; it stays in the database
    /// without symbols, aliases and dependencies.
    Unreadable { path: &'a [u8], why: Unreadable },
    /// A line of System.map without its fields.
    SystemMapLine { file: &'a [u8], number: usize, line: &'a [u8] },
    /// A version in Module.symvers that is no hexadecimal number.
    SymversVersion { file: &'a [u8], number: usize, version: &'a [u8] },
    /// Nobody exports what the module cannot do without.
    UnknownSymbol { path: &'a [u8], symbol: &'a [u8] },
    /// The module was built against another version of the symbol.
    OtherVersion { path: &'a [u8], symbol: &'a [u8] },
    /// A new edge of the dependency graph.
    Needs { path: &'a [u8], symbol: &'a [u8], owner: &'a [u8] },
    /// Modules that need one another in a circle; the first is the last.
    Cycle { names: &'a [&'a [u8]] },
    /// So many modules stand in the reported circles.
    CyclesTotal { modules: usize },
    /// An alias that cannot go into the index.
    UnmatchedBracket { alias: &'a [u8] },
    /// The module names the same alias twice.
    DuplicateAlias { alias: &'a [u8], module: &'a [u8] },
    /// A device node's name without its numbers.
    DevnameWithoutNumbers { module: &'a [u8], devname: &'a [u8] },
    /// An entry that the index format cannot hold; it is left out.
    BadByte { index: &'static str, text: &'a [u8], byte: u8 },
}

/// Why a module cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It cannot be opened or decompressed.
    File(komod_file::Error),
    /// It is no module.
    Elf(komod_elf::Error),
}
