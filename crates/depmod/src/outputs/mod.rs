//! The contents of the files that make up the database (`modules.dep`(5)).

mod alias;
mod builtin;
mod dep;
mod devname;
mod entries;
mod node;
mod soft;
mod symbols;

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use komod_cache::{Output, checksum};
use komod_index::TooLarge;

use crate::catalog::Catalog;
use crate::finding::{Finding, Sink};
use crate::graph::Graph;
use crate::symbols::Symbols;

/// What the files are made from.
#[derive(Debug, Clone, Copy)]
pub struct Database<'a> {
    /// The modules.
    pub catalog: &'a Catalog<'a>,
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
    /// Its checksum, if one was asked for; else 0.
    pub sum: u64,
}

/// The file that takes its name last: its date tells how old the database is.
pub const LAST: &str = "modules.dep";

/// The database that is in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// In the order of [`file_names`], the files that are for certain as they were made.
    pub outputs: &'a [Option<Output>],
    /// Those that would be made again just so.
    pub spared: &'a [&'static str],
}

impl Before<'_> {
    /// What is known of a file, unless it is made in any case: it tells by its date how
    /// old the database is.
    fn output(&self, place: usize, name: &str) -> Option<&Output> {
        self.outputs.get(place)?.as_ref().filter(|_| name != LAST)
    }

    fn spares(&self, place: usize, name: &str) -> bool {
        self.output(place, name).is_some() && self.spared.contains(&name)
    }
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

/// Files of so many modules take longer to make than a thread to start.
const WORTH_A_THREAD: usize = 256;

/// More threads have nothing to do: half of the time goes into one file.
const MOST_WORKERS: usize = 3;

/// Every file, in the order in which kmod writes and `depmod -n` prints them.
const MAKERS: [(&str, Maker); 11] = [
    (LAST, Maker::Text(dep::text)),
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

/// The files that tell of modules' symbols, and of their aliases alone.
pub(crate) const OF_SYMBOLS: [&str; 2] = ["modules.symbols", symbols::INDEX];
pub(crate) const OF_ALIASES: [&str; 3] = ["modules.alias", alias::INDEX, "modules.devname"];

/// The names of all the files.
pub fn file_names() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().map(|(name, _)| *name)
}

impl Database<'_> {
    /// All files that are not there yet, made on several threads, but for small databases.
    /// They have checksums if `before` is given. The sink hears of entries that are left
    /// out.
    ///
    /// # Errors
    /// When an index grows past 256 MiB.
    pub fn files(
        &self,
        workers: NonZeroUsize,
        before: Option<Before<'_>>,
        sink: &mut Sink<'_>,
    ) -> Result<Vec<OutputFile>, IndexTooLarge> {
        let there = before.unwrap_or_default();
        let mut ahead = Vec::new();
        if workers.get() > 1 && self.catalog.len() >= WORTH_A_THREAD {
            ahead = self.made_ahead(workers.get().min(MOST_WORKERS), there);
        }
        let mut files = Vec::with_capacity(MAKERS.len());
        for (place, (name, maker)) in MAKERS.iter().enumerate() {
            if there.spares(place, name) {
                continue;
            }
            let made = ahead.iter_mut().find(|(own, _)| *own == place);
            let contents = match (made, maker) {
                (Some((_, contents)), _) => std::mem::take(contents),
                (None, Maker::Text(make)) => make(self, sink),
                (None, Maker::Index(make)) => {
                    make(self, sink).map_err(|error| IndexTooLarge { name, error })?
                }
            };
            let sum = if before.is_some() { checksum(&contents) } else { 0 };
            if there.output(place, name).is_none_or(|output| output.sum != sum) {
                files.push(OutputFile { name, contents, sum });
            }
        }
        Ok(files)
    }

    /// The contents of those files whose making tells nothing, by their places: what is
    /// told has an order.
    fn made_ahead(&self, workers: usize, before: Before<'_>) -> Vec<(usize, Vec<u8>)> {
        // Those that take longest first.
        let all = MAKERS.iter().enumerate();
        let wanted = all.filter(|(place, (name, _))| !before.spares(*place, name));
        let is_text = |place: &usize| matches!(MAKERS.get(*place), Some((_, Maker::Text(_))));
        let (texts, mut places): (Vec<usize>, Vec<usize>) =
            wanted.map(|(place, _)| place).partition(is_text);
        places.extend(texts);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut made = Vec::new();
            while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some((_, maker)) = MAKERS.get(*place) else { continue };
                let mut silent = true;
                let mut sink = |_: Finding<'_>| silent = false;
                let contents = match maker {
                    Maker::Text(make) => Some(make(self, &mut sink)),
                    Maker::Index(make) => make(self, &mut sink).ok(),
                };
                made.extend(contents.filter(|_| silent).map(|contents| (*place, contents)));
            }
            made
        };
        thread::scope(|scope| {
            // Where the system gives no thread, there are fewer.
            let others: Vec<_> = (1..workers)
                .map_while(|_| {
                    let thread = thread::Builder::new().stack_size(2 << 20);
                    thread.spawn_scoped(scope, work).ok()
                })
                .collect();
            let mut made = work();
            for other in others {
                made.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            made
        })
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
