//! What a run sees in a tree, for the next one to know it again.
//!
//! A survey goes along with the scan ([`scan_again`](crate::scan_again)): it hands out
//! what was remembered of a directory that has not changed, and notes what there is now.

use std::borrow::Cow;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_cache::{Directory, Entry, EntryKind, Key, Known, Module, Output, Tree, Trust, checksum};

use crate::catalog::Catalog;
use crate::inputs;
use crate::load::Loaded;
use crate::names::ByName;
use crate::outputs::OutputFile;

/// What this run has seen, beside what the last one saw.
#[derive(Debug)]
pub struct Survey<'o> {
    trust: Trust,
    old: ByName<'o, &'o Directory<'o>>,
    seen: Vec<Seen<'o>>,
    inputs: Vec<Option<Known>>,
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
    /// To be made before anything of the tree is read. `old` is what the last run with
    /// the very same settings saw.
    pub fn new(old: Option<&'o Tree<'o>>) -> Self {
        let directories = old.iter().flat_map(|old| &old.directories);
        Self {
            trust: Trust::begin(),
            old: directories.map(|directory| (directory.path, directory)).collect(),
            seen: Vec::new(),
            inputs: Vec::new(),
        }
    }

    /// Notes the lists of the kernel's build that lie in `dir`; to be called before they
    /// are read.
    pub fn note_inputs(&mut self, dir: &Path) {
        self.inputs = note_inputs(dir, &mut self.trust);
    }

    /// Notes a directory before it is listed, and returns its place.
    pub(crate) fn directory(&mut self, path: &Path, metadata: &Metadata) -> usize {
        let known = self.trust.known(Key::of(metadata), path);
        let path = path.as_os_str().as_bytes().to_vec();
        self.seen.push(Seen { path, known, entries: Vec::new() });
        self.seen.len() - 1
    }

    /// The entries of a directory that has not changed; `kind` tells what a link in it
    /// leads to now. `None` if it must be listed.
    pub(crate) fn remembered(
        &self,
        place: usize,
        kind: impl Fn(&[u8]) -> Option<EntryKind>,
    ) -> Option<Vec<Entry<'o>>> {
        let seen = self.seen.get(place)?;
        let old = *self.old.get(seen.path.as_slice())?;
        let same = |entry: &Entry<'_>| !entry.link || kind(&entry.name) == Some(entry.kind);
        if !old.known.still_holds(&seen.known.key) || !old.entries.iter().all(same) {
            return None;
        }
        // The old names live as long as the new list.
        let name = |entry: &'o Entry<'o>| Cow::Borrowed(entry.name.as_ref());
        let entries = old.entries.iter();
        Some(entries.map(|entry| Entry { name: name(entry), module: None, ..*entry }).collect())
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

    /// What is known of a file with that key.
    pub(crate) fn known(&mut self, key: Key, path: &Path) -> Known {
        self.trust.known(key, path)
    }

    /// What this run has seen. `catalog` was read as `loaded` says, `files` are the
    /// database that was put into `out_dir`; `facts` is the checksum of what is kept of
    /// the modules, 0 for nothing, `told` whether their tales are. `None` if a file is
    /// gone again.
    pub fn finish<'a>(
        &'a mut self,
        (settings, quiet): (&'a [u8], bool),
        (facts, told): (u64, bool),
        (catalog, loaded): (&'a Catalog, &Loaded),
        (out_dir, files): (&Path, &[OutputFile]),
    ) -> Option<Tree<'a>> {
        let mut outputs = Vec::with_capacity(files.len());
        for file in files {
            let path = out_dir.join(file.name);
            let key = Key::of(&fs::symlink_metadata(&path).ok()?);
            let known = self.trust.known(key, &path);
            outputs.push(Output { known, sum: checksum(&file.contents) });
        }
        let modules = catalog.iter().zip(&loaded.files);
        let modules = modules.map(|((_, module), file)| Module {
            path: module.found.path(),
            known: file.known,
            whole: file.whole && facts != 0,
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

    fn directories(&self, catalog: &Catalog) -> Vec<Directory<'_>> {
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

/// What is known of the lists of the kernel's build that lie in `dir`.
pub(crate) fn note_inputs(dir: &Path, trust: &mut Trust) -> Vec<Option<Known>> {
    let known = inputs::NAMES.iter().map(|name| {
        let path = dir.join(name);
        let metadata = fs::metadata(&path).ok()?;
        Some(trust.known(Key::of(&metadata), &path))
    });
    known.collect()
}
