//! What a run looks at in a tree, and whether it is as the last run saw it.
//!
//! A survey goes along with the scan ([`scan_again`](crate::scan_again)): it hands out
//! what was remembered of a directory that has not changed, and notes what there is now.
//! Then [`Survey::holds`] tells whether the database of the last run is the one that
//! this run would make. In doubt it is not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use komod_cache::{Directory, Entry, EntryKind, Key, Known, Module, Output, Tree, Trust, checksum};

use crate::inputs;
use crate::outputs::{OutputFile, file_names};

/// What this run has seen, beside what the last one saw.
#[derive(Debug)]
pub struct Survey<'o> {
    trust: Trust,
    old: Option<&'o Tree<'o>>,
    /// Places of the old directories, by path.
    places: HashMap<&'o [u8], usize>,
    seen: Vec<Seen<'o>>,
    inputs: Vec<Option<Known>>,
    /// Whether directories hold something else than they did.
    differs: bool,
    /// Whether something is known better than the last run knew it.
    news: bool,
}

#[derive(Debug)]
struct Seen<'o> {
    path: Vec<u8>,
    known: Known,
    /// The same directory in the last run.
    old: Option<&'o Directory<'o>>,
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
        let directories = old.iter().flat_map(|old| &old.directories).enumerate();
        Self {
            trust: Trust::begin(),
            old,
            places: directories.map(|(place, directory)| (directory.path, place)).collect(),
            seen: Vec::new(),
            inputs: Vec::new(),
            differs: false,
            news: false,
        }
    }

    /// Notes the lists of the kernel's build that lie in `dir`; to be called before they
    /// are read.
    pub fn note_inputs(&mut self, dir: &Path) {
        for name in inputs::NAMES {
            let path = dir.join(name);
            let key = fs::metadata(&path).map(|metadata| Key::of(&metadata)).ok();
            self.inputs.push(key.map(|key| self.trust.known(key, &path)));
        }
    }

    /// Notes a directory before it is listed, and returns its place.
    pub(crate) fn directory(&mut self, path: &Path, metadata: &Metadata) -> usize {
        let known = self.trust.known(Key::of(metadata), path);
        let path = path.as_os_str().as_bytes().to_vec();
        let place = self.places.get(path.as_slice());
        let old = place.and_then(|place| self.old?.directories.get(*place));
        self.seen.push(Seen { path, known, old, entries: Vec::new() });
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
        let old = seen.old.filter(|old| old.known.still_holds(&seen.known.key))?;
        let same = |entry: &Entry<'_>| !entry.link || kind(&entry.name) == Some(entry.kind);
        if !old.entries.iter().all(same) {
            return None;
        }
        // The old names live as long as the new list.
        let name = |entry: &'o Entry<'o>| Cow::Borrowed(entry.name.as_ref());
        let entries = old.entries.iter();
        Some(entries.map(|entry| Entry { name: name(entry), ..*entry }).collect())
    }

    /// Says that there was something to tell of a directory's entries, which has to be
    /// told again.
    pub(crate) fn listed_with_findings(&mut self, place: usize) {
        if let Some(seen) = self.seen.get_mut(place) {
            seen.known.settled = false;
        }
    }

    /// Notes the entries of a directory.
    pub(crate) fn listed(&mut self, place: usize, entries: Vec<Entry<'o>>) {
        let Some(seen) = self.seen.get_mut(place) else { return };
        seen.entries = entries;
        match seen.old {
            Some(old) if old.entries == seen.entries => {
                let better = old.known.key != seen.known.key || !old.known.settled;
                self.news |= better && seen.known.settled;
            }
            _ => self.differs = true,
        }
    }

    /// For each module of the last run whether it is for certain the same file with the
    /// same bytes. `None` if nothing is known of that run.
    pub fn modules_hold(&self) -> Option<Vec<bool>> {
        let modules = self.old?.modules.iter();
        Some(modules.map(holds).collect())
    }

    /// Whether all is as the last run saw and left it, the files in `out_dir` too. To be
    /// called when the tree was scanned.
    pub fn holds(&mut self, out_dir: &Path) -> bool {
        let Some(old) = self.old else { return false };
        !self.differs
            && self.seen.len() == old.directories.len()
            && self.inputs_hold(old)
            && old.modules.iter().all(holds)
            && self.outputs_hold(old, out_dir)
    }

    /// The symbolic links: what they lead to may lie outside of the tree.
    pub fn links(&self) -> impl Iterator<Item = PathBuf> {
        self.seen.iter().flat_map(|seen| {
            let links = seen.entries.iter().filter(|entry| entry.link);
            let path = |link: &Entry<'_>| [&seen.path, &b"/"[..], &link.name].concat();
            links.map(move |link| PathBuf::from(OsString::from_vec(path(link))))
        })
    }

    fn inputs_hold(&self, old: &Tree<'_>) -> bool {
        let same = |(old, now): (&Option<Known>, &Option<Known>)| match (old, now) {
            (Some(old), Some(now)) => old.still_holds(&now.key),
            (old, now) => old.is_none() && now.is_none(),
        };
        old.inputs.len() == self.inputs.len() && old.inputs.iter().zip(&self.inputs).all(same)
    }

    fn outputs_hold(&mut self, old: &Tree<'_>, out_dir: &Path) -> bool {
        let mut all = old.outputs.len() == file_names().count();
        for (name, output) in file_names().zip(&old.outputs) {
            all = all && self.output_holds(&out_dir.join(name), output);
        }
        all
    }

    /// A file that was looked at right after it was made is hardly ever settled then: its
    /// bytes tell.
    fn output_holds(&mut self, path: &Path, output: &Output) -> bool {
        let Some(now) = fs::symlink_metadata(path).ok().filter(Metadata::is_file) else {
            return false;
        };
        let now = self.trust.known(Key::of(&now), path);
        if output.known.still_holds(&now.key) {
            return true;
        }
        self.news |= now.settled;
        output.known.key == now.key
            && fs::read(path).is_ok_and(|bytes| checksum(&bytes) == output.sum)
    }

    /// What the last run saw, as far as it is known better now: to be kept in its place.
    /// `None` if nothing is. Only where [`Survey::holds`].
    pub fn refreshed(&mut self, out_dir: &Path) -> Option<Tree<'_>> {
        let old = self.old.filter(|_| self.news)?;
        let mut outputs = old.outputs.clone();
        for (name, output) in file_names().zip(&mut outputs) {
            output.known = self.trust.known(output.known.key, &out_dir.join(name));
        }
        Some(Tree {
            settings: Cow::Borrowed(&old.settings),
            quiet: old.quiet,
            facts: old.facts,
            inputs: self.inputs.clone(),
            outputs,
            directories: self.directories(),
            modules: old.modules.clone(),
        })
    }

    /// What is known of a file with that key.
    pub(crate) fn known(&mut self, key: Key, path: &Path) -> Known {
        self.trust.known(key, path)
    }

    /// What this run has seen. `modules` and `files` are the database that it made and
    /// put into `out_dir`, `facts` the checksum of what is kept about its modules.
    /// `None` if a file is gone again.
    pub fn finish<'a>(
        &'a mut self,
        settings: &'a [u8],
        quiet: bool,
        facts: u64,
        modules: Vec<Module<'a>>,
        (out_dir, files): (&Path, &[OutputFile]),
    ) -> Option<Tree<'a>> {
        let mut outputs = Vec::with_capacity(files.len());
        for file in files {
            let path = out_dir.join(file.name);
            let key = Key::of(&fs::symlink_metadata(&path).ok()?);
            let known = self.trust.known(key, &path);
            outputs.push(Output { known, sum: checksum(&file.contents) });
        }
        let inputs = self.inputs.clone();
        let directories = self.directories();
        let settings = settings.into();
        Some(Tree { settings, quiet, facts, inputs, outputs, directories, modules })
    }

    fn directories(&self) -> Vec<Directory<'_>> {
        let seen = self.seen.iter().map(|seen| {
            let name = |entry: &'_ Entry<'o>| entry.name.clone();
            let entries = seen.entries.iter();
            let entries = entries.map(|entry| Entry { name: name(entry), ..*entry }).collect();
            Directory { path: &seen.path, known: seen.known, entries }
        });
        seen.collect()
    }
}

fn holds(module: &Module<'_>) -> bool {
    let Some(known) = module.known.filter(|known| known.settled) else { return false };
    let now = fs::metadata(Path::new(OsStr::from_bytes(module.path)));
    now.is_ok_and(|now| known.still_holds(&Key::of(&now)))
}
