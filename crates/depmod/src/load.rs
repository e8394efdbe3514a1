//! Reads every module, on several threads, and merges what they say in module order.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use komod_elf::{Excerpt, Module};
use komod_file::{ModuleFile, Unpacker};

use crate::catalog::Catalog;
use crate::facts::{Extractor, ModuleFacts};
use crate::finding::{Finding, Sink, Unreadable};
use crate::names::Names;
use crate::scan::Found;
use crate::symbols::{Owner, SymbolId, Symbols};

/// How modules are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Threads that read at the same time, at most; the database is the same with any
    /// number.
    pub workers: NonZeroUsize,
    /// A byte that the architecture puts before every symbol: one of it is taken away.
    pub prefix: Option<u8>,
    /// Whether symbols are going to be checked ([`Checks`](crate::Checks)). Otherwise
    /// less is read, and each version is 0.
    pub checks: bool,
}

/// Modules that a worker takes at a time.
const HANDFUL: usize = 4;

/// So many plain modules are read in the time that it takes to start a thread and to
/// merge what it has found.
const WORTH_A_THREAD: usize = 128;

/// Plain modules that are read in the time for a packed one.
const PACKED_COST: usize = 8;

/// A worker's buffer that is larger is given back: very few modules need one.
const KEPT: usize = 4 << 20;

/// Reads the modules of `catalog` and enters their exports into `symbols`,
/// which may hold the kernel's own already.
pub fn load_modules(
    catalog: &mut Catalog,
    symbols: &mut Symbols,
    how: Reading,
    sink: &mut Sink<'_>,
) {
    let files: Vec<&Found> = catalog.iter().map(|(_, module)| &module.found).collect();
    let mut facts: Vec<Option<Read>> = files.iter().map(|_| None).collect();
    let mut meanings = Vec::new();
    for (worker, batch) in read_all(&files, how).into_iter().enumerate() {
        // What each name of this worker is called by all.
        let ids = 0..batch.names.len() as u32;
        meanings.push(ids.map(|id| symbols.intern(batch.names.name(id))).collect::<Vec<_>>());
        for (at, read) in batch.read {
            facts[at] = Some(Read { worker, outcome: read });
        }
    }
    for (id, read) in catalog.ids().zip(facts) {
        let Some(Read { worker, outcome }) = read else { continue };
        let module = catalog.module_mut(id);
        match outcome {
            Ok(mut facts) => {
                if let Some(error) = facts.damage.take() {
                    let why = Unreadable::Elf(error);
                    sink(Finding::Unreadable { path: module.found.path(), why });
                }
                let meaning = |symbol: SymbolId| meanings[worker][symbol.0 as usize];
                for (symbol, crc) in facts.exports {
                    symbols.export(meaning(symbol), Owner::Module(id), crc);
                }
                for wanted in &mut facts.wants {
                    wanted.symbol = meaning(wanted.symbol);
                }
                module.wants = facts.wants;
                module.texts = facts.texts;
            }
            Err(why) => sink(Finding::Unreadable { path: module.found.path(), why }),
        }
    }
}

struct Read {
    /// Whose names the facts are told in.
    worker: usize,
    outcome: Result<ModuleFacts, Unreadable>,
}

/// What one worker has read.
struct Batch {
    names: Names,
    /// By the modules' places in module order.
    read: Vec<(usize, Result<ModuleFacts, Unreadable>)>,
}

/// Every worker takes the next few modules until none are left; the caller's thread
/// is one of them.
fn read_all(files: &[&Found], how: Reading) -> Vec<Batch> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut worker = Worker::new(how);
        let mut read = Vec::new();
        loop {
            let start = next.fetch_add(HANDFUL, Ordering::Relaxed);
            let Some(rest) = files.get(start..).filter(|rest| !rest.is_empty()) else { break };
            for (at, found) in (start..).zip(rest.iter().take(HANDFUL)) {
                read.push((at, worker.read(found)));
            }
        }
        Batch { names: worker.extractor.names, read }
    };
    thread::scope(|scope| {
        // Where the system gives no thread, there are fewer.
        let others: Vec<_> = (1..how.workers.get().min(worthwhile(files)))
            .map_while(|_| {
                // Where no size is given, RUST_MIN_STACK of the environment has a say.
                let thread = thread::Builder::new().stack_size(2 << 20);
                thread.spawn_scoped(scope, work).ok()
            })
            .collect();
        let mut batches = vec![work()];
        for other in others {
            batches.push(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        batches
    })
}

/// How many workers have enough to do.
fn worthwhile(files: &[&Found]) -> usize {
    let cost = |found: &&Found| if found.path().ends_with(b".ko") { 1 } else { PACKED_COST };
    1 + files.iter().map(cost).sum::<usize>() / WORTH_A_THREAD
}

/// Reads modules one after another, with memory that they share.
struct Worker {
    extractor: Extractor,
    excerpt: Excerpt,
    unpacker: Unpacker,
    bytes: Vec<u8>,
}

impl Worker {
    fn new(how: Reading) -> Self {
        Self {
            extractor: Extractor::new(how.prefix, how.checks),
            excerpt: Excerpt::default(),
            unpacker: Unpacker::default(),
            bytes: Vec::new(),
        }
    }

    fn read(&mut self, found: &Found) -> Result<ModuleFacts, Unreadable> {
        let file = ModuleFile::open(found.to_path()).map_err(Unreadable::File)?;
        if let Some(facts) = self.read_parts(&file) {
            return Ok(facts);
        }
        self.unpacker.contents_into(&file, &mut self.bytes).map_err(Unreadable::File)?;
        let module = Module::parse(&self.bytes).map_err(Unreadable::Elf)?;
        let facts = self.extractor.read(&module);
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        Ok(facts)
    }

    /// Of a sound plain module that is long, only what is needed.
    fn read_parts(&mut self, file: &ModuleFile) -> Option<ModuleFacts> {
        let size = file.plain_size().filter(|_| !self.extractor.wants_all())?;
        let mut read = |offset, part: &mut [u8]| file.read_part(offset, part).is_ok();
        let facts = self.extractor.read(&self.excerpt.read(size, &mut read)?);
        self.excerpt.shrink_to(KEPT);
        Some(facts)
    }
}
