//! What a run sees in a tree, for the next one to know it again.
//!
//! A survey goes along with the scan ([`scan_again`](crate::scan_again)): it hands out
//! what a look ([`look`](crate::look())) found to be unchanged, and notes what there is
//! now.

use std::borrow::Cow;
use std::fs::{self, Metadata};
use std::iter::repeat;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use komod_cache::{Directory, Entry, FactsPlace, Key, Known, Module, Output, Tree, Trust, is_open};

use crate::catalog::Catalog;
use crate::inputs;
use crate::loaded::Loaded;
use crate::look::Look;
use crate::names::ByName;
use crate::outputs::{OutputFile, file_names};

/// What this run has seen, beside what the last one saw.
#[derive(Debug)]
pub struct Survey<'o> {
    trust: Trust,
    /// The directories of the last run, what is known of each now if its entries are the
    /// same, and their places by their paths.
    old: &'o [Directory<'o>],
    now: Vec<Option<Known>>,
    places: ByName<'o, u32>,
    seen: Vec<Seen<'o>>,
    inputs: Vec<Option<Known>>,
    closed: bool,
}

#[derive(Debug)]
struct Seen<'o> {
    path: Vec<u8>,
    known: Known,
    entries: Vec<Entry<'o>>,
}

impl Default for Survey<'_> {
    fn default() -> Self {
        Self::new(None)
    }
}

impl<'o> Survey<'o> {
    /// To be made before anything of the tree is read but by `look`: the one at `old`,
    /// which is what the last run with the very same settings saw.
    pub fn new(old: Option<(&'o Tree<'o>, &Look)>) -> Self {
        let now = old.map(|(_, look)| look.directories.clone()).unwrap_or_default();
        let closed = old.is_some_and(|(_, look)| look.closed);
        let old = old.map_or(&[][..], |(old, _)| &old.directories);
        Self {
            trust: Trust::begin(),
            old,
            now,
            places: old.iter().map(|directory| directory.path).zip(0..).collect(),
            seen: Vec::new(),
            inputs: Vec::new(),
            closed,
        }
    }

    /// Notes the lists of the kernel's build that lie in `dir`; to be called before they
    /// are read.
    pub fn note_inputs(&mut self, dir: &Path) {
        self.inputs = inputs::note(dir, &mut self.trust);
    }

    /// A directory of the last run.
    fn of(&self, path: &[u8]) -> Option<(&'o Directory<'o>, Option<Known>)> {
        let place = *self.places.get(path)? as usize;
        Some((self.old.get(place)?, self.now.get(place).copied().flatten()))
    }

    /// What is known of the directory `path`, and its entries, which are those of the last
    /// run, as are the places of its modules. `None` if it has to be looked at and listed.
    pub(crate) fn unchanged(&self, path: &[u8]) -> Option<(Known, Vec<Entry<'o>>)> {
        let (old, now) = self.of(path)?;
        let now = now.filter(|now| now.settled)?;
        // The old names live as long as the new list.
        let name = |entry: &'o Entry<'o>| Cow::Borrowed(entry.name.as_ref());
        let entries = old.entries.iter();
        Some((now, entries.map(|entry| Entry { name: name(entry), ..*entry }).collect()))
    }

    /// Gives modules in the directory `path` their places in the last run.
    pub(crate) fn places(&self, path: &[u8], entries: &mut [Entry<'_>]) {
        let Some((old, _)) = self.of(path) else { return };
        let mut old = old.entries.iter().peekable();
        for entry in entries {
            while old.next_if(|old| old.name < entry.name).is_some() {}
            let same = old.peek().filter(|old| old.name == entry.name);
            entry.module = same.and_then(|old| old.module);
        }
    }

    /// What is known of a directory that is going to be listed.
    pub(crate) fn changed(&mut self, path: &Path, metadata: &Metadata) -> Known {
        self.closed |= !is_open(metadata.mode());
        self.trust.known(Key::of(metadata), path)
    }

    /// Notes a directory before what is in it, and returns its place.
    pub(crate) fn directory(&mut self, path: &[u8], known: Known) -> usize {
        self.seen.push(Seen { path: path.to_vec(), known, entries: Vec::new() });
        self.seen.len() - 1
    }

    /// Says that there was something to tell of a directory's entries, which has to be
    /// told again.
    pub(crate) fn listed_with_findings(&mut self, place: usize) {
        if let Some(seen) = self.seen.get_mut(place) {
            seen.known.settled = false;
        }
    }

    /// Notes the entries of a directory; of modules, which of all files they are.
    pub(crate) fn listed(&mut self, place: usize, entries: Vec<Entry<'o>>) {
        if let Some(seen) = self.seen.get_mut(place) {
            seen.entries = entries;
        }
    }

    /// Whether some directory may not be open to everybody, now or in the last run.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is known of a file with that key.
    pub(crate) fn known(&mut self, key: Key, path: &Path) -> Known {
        self.trust.known(key, path)
    }

    /// What this run has seen. `catalog` was read as `loaded` says, and its facts have
    /// the checksums `facts` and lie in `places`; `told` says whether their tales are kept.
    /// `files` are those of the database that were put into `out_dir`; the others are as
    /// `look` has seen them. `None` if a file is gone again.
    pub fn finish<'a>(
        &'a mut self,
        (settings, quiet): (&'a [u8], bool),
        (facts, places, told): ([u64; 2], &[Option<FactsPlace>], bool),
        (catalog, loaded): (&'a Catalog<'_>, &Loaded),
        (out_dir, files, look): (&Path, &[OutputFile], &Look),
    ) -> Option<Tree<'a>> {
        let mut outputs = Vec::new();
        for (at, name) in file_names().enumerate() {
            let Some(file) = files.iter().find(|file| file.name == name) else {
                outputs.push((*look.outputs.get(at)?)?);
                continue;
            };
            let path = out_dir.join(name);
            let key = Key::of(&fs::symlink_metadata(&path).ok()?);
            outputs.push(Output { known: self.trust.known(key, &path), sum: file.sum });
        }
        let places = places.iter().copied().chain(repeat(None));
        let modules = loaded.files.iter().zip(places).map(|(file, facts)| Module {
            known: file.known,
            facts,
            told: file.told && told,
        });
        Some(Tree {
            settings: settings.into(),
            quiet,
            facts,
            inputs: self.inputs.clone(),
            outputs,
            modules: modules.collect(),
            directories: self.directories(catalog),
        })
    }

    fn directories(&self, catalog: &Catalog<'_>) -> Vec<Directory<'_>> {
        // By the number of its file the module's place.
        let mut places = Vec::new();
        for (id, module) in catalog.iter() {
            let number = module.found.number() as usize;
            if places.len() <= number {
                places.resize(number + 1, None);
            }
            places[number] = Some(id.0);
        }
        let place = |number: u32| places.get(number as usize).copied().flatten();
        let seen = self.seen.iter().map(|seen| {
            let entry = |entry: &Entry<'o>| {
                let module = entry.module.and_then(place);
                Entry { name: entry.name.clone(), module, ..*entry }
            };
            let entries = seen.entries.iter().map(entry).collect();
            Directory { path: &seen.path, known: seen.known, entries }
        });
        seen.collect()
    }
}
