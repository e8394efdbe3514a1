//! Reads every module, on several threads, and merges what they say in module order.

use std::ffi::OsStr;
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use komod_cache::Key;
use komod_elf::{Excerpt, Module, Signature};
use komod_file::{DEFAULT_LIMIT, Error, ModuleFile, Unpacker};
use nix::sys::resource::{UsageWho, getrusage};

use crate::catalog::{Catalog, Said};
use crate::facts::{Extractor, ModuleFacts};
use crate::finding::{Finding, Sink, Unreadable};
use crate::found::Found;
use crate::ids::{ModuleId, SymbolId};
use crate::loaded::{Loaded, LoadedFile, OwnTale};
use crate::names::Names;
use crate::recall::{self, Recall};
use crate::survey::Survey;
use crate::symbols::{Owner, Symbols};

/// How modules are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Threads that read at the same time, at most; the database is the same with any
    /// number.
    pub workers: NonZeroUsize,
    /// Whether there may be more of them where files are not in memory: then they wait
    /// for the disk, and not for a processor.
    pub more_if_waiting: bool,
    /// A byte that the architecture puts before every symbol: one of it is taken away.
    pub prefix: Option<u8>,
    /// Whether symbols are going to be checked ([`Checks`](crate::Checks)). Otherwise
    /// less is read, and each version is 0.
    pub checks: bool,
    /// Whether packed modules' own words are kept ([`Loaded::tales`]).
    pub tales: bool,
}

/// Who wants to see each module's bytes beside: called once for each that is a file, with
/// its path and what it unpacks to, on the thread that reads it. The bytes need not be
/// those of a module.
pub type Inspect<'i> = dyn Fn(&Found, &ModuleFile, &[u8]) + Sync + 'i;

/// Modules that a worker takes at a time.
const HANDFUL: usize = 4;

/// After so many handfuls it is known whether files are in memory.
const SAMPLE: usize = 2;

/// More workers than these wait for the disk and not for one another.
const MOST_WAITING: usize = 16;

/// So many plain modules are read in the time that it takes to start a thread and to
/// merge what it has found.
const WORTH_A_THREAD: usize = 128;

/// Plain modules that are read in the time for a packed one.
const PACKED_COST: usize = 8;

/// The bit of a file's mode that lets all read it.
const EVERYBODY: u32 = 0o004;

/// A worker's buffer that is larger is given back: very few modules need one.
const KEPT: usize = 4 << 20;

/// What a worker unpacks while others do: no module of a distribution has more but with
/// debug information. Of larger ones only one at a time is in memory, so that many that
/// stand for a gigabyte each need no more than one.
const ORDINARY: u64 = 64 << 20;

/// Reads the modules of `catalog` and enters their exports into `symbols`,
/// which may hold the kernel's own already.
pub fn load_modules(
    catalog: &mut Catalog<'_>,
    symbols: &mut Symbols,
    how: Reading,
    sink: &mut Sink<'_>,
) {
    load_modules_again(catalog, symbols, how, None, &mut Survey::default(), sink);
}

/// As [`load_modules`]; `inspect` sees all of them too.
pub fn inspect_modules(
    catalog: &mut Catalog,
    symbols: &mut Symbols,
    how: Reading,
    inspect: &Inspect<'_>,
    sink: &mut Sink<'_>,
) {
    load(catalog, symbols, how, (None, Some(inspect)), &mut Survey::default(), sink);
}

/// As [`load_modules`], without reading what `recall` remembers; it is of a run with the
/// same `prefix` and without checks and symbols of the kernel's, as this one must be.
/// `survey` judges the files.
pub fn load_modules_again<'k>(
    catalog: &mut Catalog<'k>,
    symbols: &mut Symbols,
    how: Reading,
    recall: Option<&Recall<'k>>,
    survey: &mut Survey<'_>,
    sink: &mut Sink<'_>,
) -> Loaded {
    load(catalog, symbols, how, (recall, None), survey, sink)
}

fn load<'k>(
    catalog: &mut Catalog<'k>,
    symbols: &mut Symbols,
    how: Reading,
    (recall, inspect): (Option<&Recall<'k>>, Option<&Inspect<'_>>),
    survey: &mut Survey<'_>,
    sink: &mut Sink<'_>,
) -> Loaded {
    catalog.prefix = how.prefix;
    let recall = recall.filter(|_| symbols.is_empty());
    let mut names = Vec::new();
    if let Some(recall) = recall {
        *symbols = recall.symbols();
        names = recall.meanings(symbols);
    }
    let named = |name: u32| names[name as usize];
    let mut unknown = Vec::new();
    let mut loaded = Vec::with_capacity(catalog.len());
    let mut tales = Vec::new();
    for id in catalog.ids() {
        let module = catalog.module_mut(id);
        let kept = recall.and_then(|recall| recall.of(module.found.before()?));
        let kept = kept.and_then(|(kept, file)| {
            if file.facts.is_some_and(|facts| facts.later) {
                recall::give(module, &kept, &named)?;
            } else {
                module.keep(kept);
            }
            Some(file)
        });
        loaded.push(kept.unwrap_or_default());
        unknown.extend(kept.is_none().then_some(id));
    }
    let files: Vec<_> = unknown.iter().map(|id| (id.index(), &catalog.module(*id).found)).collect();
    let mut meanings = Vec::new();
    let mut facts: Vec<Read> = Vec::with_capacity(files.len());
    for (worker, batch) in read_all(&files, how, inspect).into_iter().enumerate() {
        // What each name of this worker is called by all.
        let ids = 0..batch.names.len() as u32;
        meanings.push(ids.map(|id| symbols.intern(batch.names.name(id))).collect::<Vec<_>>());
        for ReadFile { place, key, tale, outcome } in batch.read {
            let path = catalog.module(ModuleId(place as u32)).found.to_path();
            let whole = outcome.as_ref().is_ok_and(|facts| facts.damage.is_none());
            let known = key.map(|key| survey.known(key, path));
            let settled = known.filter(|known| known.settled);
            let tale = settled.zip(tale).map(|(known, tale)| (known.key, tale));
            let told = tale.is_some();
            loaded[place] = LoadedFile { known, whole, told, ..LoadedFile::default() };
            tales.extend(tale);
            facts.push(Read { place, worker, outcome });
        }
    }
    facts.sort_unstable_by_key(|read| read.place);
    let mut facts = facts.into_iter().peekable();
    for id in catalog.ids() {
        let module = catalog.module_mut(id);
        let Some(Read { worker, outcome, .. }) = facts.next_if(|read| read.place == id.index())
        else {
            for symbol in module.exports() {
                symbols.export(symbol, Owner::Module(id), 0);
            }
            continue;
        };
        match outcome {
            Ok(mut facts) => {
                if let Some(error) = facts.damage.take() {
                    let why = Unreadable::Elf(error);
                    sink(Finding::Unreadable { path: module.found.path(), why });
                }
                let meaning = |symbol: &mut SymbolId| {
                    *symbol = meanings[worker][symbol.0 as usize];
                };
                facts.exports.iter_mut().for_each(|(symbol, _)| meaning(symbol));
                facts.wants.iter_mut().for_each(|wanted| meaning(&mut wanted.symbol));
                let mut exports = Vec::with_capacity(facts.exports.len());
                for (symbol, crc) in facts.exports {
                    symbols.export(symbol, Owner::Module(id), crc);
                    exports.push(symbol);
                }
                module.say(Said { texts: facts.texts, wants: facts.wants, exports });
            }
            Err(why) => sink(Finding::Unreadable { path: module.found.path(), why }),
        }
    }
    Loaded { files: loaded, tales }
}

struct Read {
    /// Of the module, in module order.
    place: usize,
    /// Whose names the facts are told in.
    worker: usize,
    outcome: Result<ModuleFacts, Unreadable>,
}

/// What one worker has read.
struct Batch {
    names: Names,
    read: Vec<ReadFile>,
}

struct ReadFile {
    /// Of the module, in module order.
    place: usize,
    /// Of the file when it was opened.
    key: Option<Key>,
    tale: Option<OwnTale>,
    outcome: Result<ModuleFacts, Unreadable>,
}

/// Every worker takes the next few modules until none are left; the caller's thread
/// is one of them, and begins.
fn read_all(files: &[(usize, &Found)], how: Reading, inspect: Option<&Inspect<'_>>) -> Vec<Batch> {
    let (next, alone) = (AtomicUsize::new(0), Mutex::new(()));
    // All those below the module directory have the same.
    let directory = files.iter().find_map(|(_, found)| found.directory());
    let directory = directory.and_then(|directory| File::open(directory).ok());
    let read_on = |worker: &mut Worker<'_>, read: &mut Vec<ReadFile>, handfuls: usize| {
        for _ in 0..handfuls {
            let start = next.fetch_add(HANDFUL, Ordering::Relaxed);
            let Some(rest) = files.get(start..).filter(|rest| !rest.is_empty()) else { break };
            for (place, found) in rest.iter().take(HANDFUL) {
                let (key, outcome) = worker.read(found);
                let tale = worker.tale.take();
                read.push(ReadFile { place: *place, key, tale, outcome });
            }
        }
    };
    let work = || {
        let mut worker = Worker::new(how, directory.as_ref(), inspect, &alone);
        let mut read = Vec::new();
        read_on(&mut worker, &mut read, usize::MAX);
        Batch { names: worker.extractor.names, read }
    };
    let mut own = Worker::new(how, directory.as_ref(), inspect, &alone);
    let mut read = Vec::new();
    let mut workers = how.workers.get();
    if how.more_if_waiting {
        let before = waits();
        read_on(&mut own, &mut read, SAMPLE);
        if waits().saturating_sub(before) >= (SAMPLE * HANDFUL / 2) as u64 {
            workers = waiting(workers, files);
        }
    }
    thread::scope(|scope| {
        // Where the system gives no thread, there are fewer.
        let others: Vec<_> = (1..workers.min(worthwhile(files)))
            .map_while(|_| {
                // Where no size is given, RUST_MIN_STACK of the environment has a say.
                let thread = thread::Builder::new().stack_size(2 << 20);
                thread.spawn_scoped(scope, work).ok()
            })
            .collect();
        read_on(&mut own, &mut read, usize::MAX);
        let mut batches = vec![Batch { names: own.extractor.names, read }];
        for other in others {
            batches.push(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        batches
    })
}

/// How often this thread has let its processor go to wait for something.
fn waits() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok();
    usage.map_or(0, |usage| u64::try_from(usage.voluntary_context_switches()).unwrap_or(0))
}

/// How many workers keep the disk busy, where so many keep the processors busy. Who unpacks
/// has much in memory, and less to wait for.
fn waiting(workers: usize, files: &[(usize, &Found)]) -> usize {
    let plain = files.iter().all(|(_, found)| is_plain(found));
    let more = if plain { workers * 3 } else { workers / 2 };
    workers + more.min(MOST_WAITING)
}

fn is_plain(found: &Found) -> bool {
    found.path().ends_with(b".ko")
}

/// How many workers have enough to do.
fn worthwhile(files: &[(usize, &Found)]) -> usize {
    let cost = |(_, found): &(usize, &Found)| if is_plain(found) { 1 } else { PACKED_COST };
    1 + files.iter().map(cost).sum::<usize>() / WORTH_A_THREAD
}

/// Reads modules one after another, with memory that they share.
struct Worker<'d> {
    /// The module directory, so that not each path leads through all above it.
    directory: Option<&'d File>,
    extractor: Extractor,
    excerpt: Excerpt,
    unpacker: Unpacker,
    bytes: Vec<u8>,
    tales: bool,
    inspect: Option<&'d Inspect<'d>>,
    /// Held by who has a module in memory that is larger than [`ORDINARY`].
    alone: &'d Mutex<()>,
    /// Of the module that was read last.
    tale: Option<OwnTale>,
}

impl<'d> Worker<'d> {
    fn new(
        how: Reading,
        directory: Option<&'d File>,
        inspect: Option<&'d Inspect<'d>>,
        alone: &'d Mutex<()>,
    ) -> Self {
        Self {
            directory,
            extractor: Extractor::new(how.prefix, how.checks),
            excerpt: Excerpt::default(),
            unpacker: Unpacker::default(),
            bytes: Vec::new(),
            tales: how.tales,
            inspect,
            alone,
            tale: None,
        }
    }

    fn read(&mut self, found: &Found) -> (Option<Key>, Result<ModuleFacts, Unreadable>) {
        let opened = match self.directory.filter(|_| found.in_tree()) {
            Some(directory) => {
                ModuleFile::open_below(directory, Path::new(OsStr::from_bytes(found.listed())))
            }
            None => ModuleFile::open(found.to_path()),
        };
        match opened {
            Ok(file) => (Some(Key::of(file.metadata())), self.read_file(found, &file)),
            Err(error) => {
                // One that changes in between has another key than a settled one.
                let metadata = std::fs::metadata(found.to_path()).ok();
                (metadata.map(|found| Key::of(&found)), Err(Unreadable::File(error)))
            }
        }
    }

    fn read_file(&mut self, found: &Found, file: &ModuleFile) -> Result<ModuleFacts, Unreadable> {
        if let Some(facts) = self.read_parts(file) {
            return Ok(facts);
        }
        let read = match self.read_all_of(found, file, ORDINARY) {
            Err(Unreadable::File(Error::TooLarge { .. })) => {
                self.bytes = Vec::new();
                let alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
                let read = self.read_all_of(found, file, DEFAULT_LIMIT);
                self.bytes = Vec::new();
                drop(alone);
                read
            }
            read => read,
        };
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        read
    }

    /// What stays in `bytes` is for the caller to give back.
    fn read_all_of(
        &mut self,
        found: &Found,
        file: &ModuleFile,
        limit: u64,
    ) -> Result<ModuleFacts, Unreadable> {
        let unpacked = self.unpacker.contents_up_to(limit, file, &mut self.bytes);
        unpacked.map_err(Unreadable::File)?;
        if let Some(inspect) = self.inspect {
            inspect(found, file, &self.bytes);
        }
        let module = Module::parse(&self.bytes).map_err(Unreadable::Elf)?;
        let facts = self.extractor.read(&module);
        if self.tales && file.plain_size().is_none() && file.metadata().mode() & EVERYBODY != 0 {
            self.tale = module.modinfo_section().map(|modinfo| OwnTale {
                modinfo: modinfo.to_vec(),
                end: Signature::end_of(&self.bytes).to_vec(),
            });
        }
        Ok(facts)
    }

    /// Of a sound plain module that is long, only what is needed.
    fn read_parts(&mut self, file: &ModuleFile) -> Option<ModuleFacts> {
        let size = file.plain_size()?;
        if self.extractor.wants_all() || self.inspect.is_some() {
            return None;
        }
        let mut read = |offset, part: &mut [u8]| file.read_part(offset, part).is_ok();
        let facts = self.extractor.read(&self.excerpt.read(size, &mut read)?);
        self.excerpt.shrink_to(KEPT);
        Some(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_seen_and_gets_company() {
        let before = waits();
        for _ in 0..8 {
            thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(waits() >= before + 8);
        let plain = Found::below(Path::new("/m"), b"a.ko");
        let packed = Found::below(Path::new("/m"), b"a.ko.xz");
        assert_eq!([1, 2, 100].map(|workers| waiting(workers, &[(0, &plain)])), [4, 8, 116]);
        let packed = [(0, &plain), (1, &packed)];
        assert_eq!([1, 2, 100].map(|workers| waiting(workers, &packed)), [1, 3, 116]);
    }
}
