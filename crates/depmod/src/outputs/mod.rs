//! The contents of the files that make up the database (`modules.dep`(5)).

mod alias;
mod builtin;
mod dep;
mod devname;
mod entries;
mod node;
mod soft;
mod symbols;

use std::path::Path;

use komod_index::TooLarge;

use crate::catalog::Catalog;
use crate::finding::Sink;
use crate::graph::Graph;
use crate::symbols::Symbols;

/// What the files are made from.
#[derive(Debug, Clone, Copy)]
pub struct Database<'a> {
    /// The modules.
    pub catalog: &'a Catalog,
    /// Who exports what.
    pub symbols: &'a Symbols,
    /// Who needs whom.
    pub graph: &'a Graph,
    /// The module directory, for the lists of built-in modules in it.
    pub dir: &'a Path,
    /// Whether aliases that a module names twice are told
    /// ([`Finding::DuplicateAlias`](crate::Finding::DuplicateAlias)).
    pub tell_duplicates: bool,
}

/// A file of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Its name in the module directory.
    pub name: &'static str,
    /// All of it.
    pub contents: Vec<u8>,
}

/// An index would be larger than its format allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {error}")]
pub struct IndexTooLarge {
    /// The file.
    pub name: &'static str,
    /// How large.
    pub error: TooLarge,
}

type Index = fn(&Database<'_>, &mut Sink<'_>) -> Result<Vec<u8>, TooLarge>;

enum Maker {
    Text(fn(&Database<'_>, &mut Sink<'_>) -> Vec<u8>),
    Index(Index),
}

/// Every file, in the order in which kmod writes and `depmod -n` prints them.
const MAKERS: [(&str, Maker); 11] = [
    ("modules.dep", Maker::Text(dep::text)),
    (dep::INDEX, Maker::Index(dep::index)),
    ("modules.alias", Maker::Text(alias::text)),
    (alias::INDEX, Maker::Index(alias::index)),
    ("modules.softdep", Maker::Text(soft::softdep)),
    ("modules.weakdep", Maker::Text(soft::weakdep)),
    ("modules.symbols", Maker::Text(symbols::text)),
    (symbols::INDEX, Maker::Index(symbols::index)),
    (builtin::INDEX, Maker::Index(builtin::index)),
    (builtin::ALIAS_INDEX, Maker::Index(builtin::alias_index)),
    ("modules.devname", Maker::Text(devname::text)),
];

/// The names of all the files.
pub fn file_names() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().map(|(name, _)| *name)
}

impl Database<'_> {
    /// All files. The sink hears of entries that are left out.
    ///
    /// # Errors
    /// When an index grows past 256 MiB.
    pub fn files(&self, sink: &mut Sink<'_>) -> Result<Vec<OutputFile>, IndexTooLarge> {
        let mut files = Vec::with_capacity(MAKERS.len());
        for (name, maker) in &MAKERS {
            let contents = match maker {
                Maker::Text(make) => make(self, sink),
                Maker::Index(make) => {
                    make(self, sink).map_err(|error| IndexTooLarge { name, error })?
                }
            };
            files.push(OutputFile { name, contents });
        }
        Ok(files)
    }

    /// The files that are text, one behind the other: what `depmod -n`
    /// prints.
    pub fn text(&self, sink: &mut Sink<'_>) -> Vec<u8> {
        let mut all = Vec::new();
        for (_, maker) in &MAKERS {
            if let Maker::Text(make) = maker {
                all.append(&mut make(self, sink));
            }
        }
        all
    }
}

/// A line of words with a blank between them.
fn line(text: &mut Vec<u8>, words: &[&[u8]]) {
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
    text.push(b'\n');
}
