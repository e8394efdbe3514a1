//! Whether a tree and its database are as the last run saw and left them.
//!
//! In doubt they are not. Nothing is read but what the system says of files, the entries
//! of directories that could have changed, and the bytes of files that were made right
//! before the last run noted them.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_cache::{
    Directory, Entry, EntryKind, FileKind, Key, Known, Output, Tree, Trust, checksum,
};
use komod_config::DepmodConfig;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use crate::outputs::file_names;
use crate::scan::{kind_of_file, list_again};
use crate::survey::note_inputs;

/// What came of a look.
#[derive(Debug)]
pub struct Look<'o> {
    /// For each module of the last run whether it is for certain the same file with the
    /// same bytes.
    pub modules: Vec<bool>,
    /// Whether everything is.
    pub same: bool,
    /// Whether there was something to tell of the directories.
    pub told: bool,
    /// What the last run saw, where some of it is known better now and all is the same:
    /// to be kept in its place.
    pub better: Option<Tree<'o>>,
}

/// Looks at the tree `dir` and its database in `out_dir`, of which the last run, with the
/// very same settings, saw and left `old`.
pub fn look<'o>(
    old: &'o Tree<'o>,
    config: &DepmodConfig,
    (dir, out_dir): (&Path, &Path),
) -> Look<'o> {
    let mut looker = Looker {
        trust: Trust::begin(),
        config,
        modules: vec![false; old.modules.len()],
        told: false,
        better: false,
        way: Vec::new(),
    };
    let inputs = note_inputs(dir, &mut looker.trust);
    let mut same = old.inputs.len() == inputs.len();
    same &= old.inputs.iter().zip(&inputs).all(|pair| match pair {
        (Some(old), Some(now)) => old.still_holds(&now.key),
        (old, now) => old.is_none() && now.is_none(),
    });
    let mut directories = Vec::with_capacity(old.directories.len());
    for directory in &old.directories {
        let now = looker.directory(directory, old);
        same &= now.is_some();
        directories.push(now.unwrap_or(directory.known));
    }
    same &= looker.modules.iter().all(|holds| *holds);
    same &= old.outputs.len() == file_names().count();
    let mut outputs = old.outputs.clone();
    for (name, output) in file_names().zip(&mut outputs) {
        same = same && looker.output(&out_dir.join(name), output);
    }
    let better = (same && looker.better).then(|| {
        let mut tree = Tree { inputs, outputs, ..old.clone() };
        for (directory, known) in tree.directories.iter_mut().zip(directories) {
            directory.known = known;
        }
        tree
    });
    Look { modules: looker.modules, same, told: looker.told, better }
}

struct Looker<'a> {
    trust: Trust,
    config: &'a DepmodConfig,
    modules: Vec<bool>,
    told: bool,
    /// Whether something is known better than before.
    better: bool,
    /// Directories that are open, each in the one before it, with their paths.
    way: Vec<(&'a [u8], OwnedFd)>,
}

/// No tree is deeper but one of links; and few programs may have more files open.
const DEEPEST: usize = 64;

impl<'a> Looker<'a> {
    /// Looks at the modules in a directory, and returns what is known of it if its
    /// entries are the same.
    fn directory(&mut self, directory: &'a Directory<'_>, old: &Tree<'_>) -> Option<Known> {
        self.open(directory.path)?;
        let (_, open) = self.way.last()?;
        let key = Key::of_open(open)?;
        for entry in &directory.entries {
            let Some(place) = entry.module.map(|place| place as usize) else { continue };
            let known = old.modules.get(place).and_then(|module| module.known);
            let now = || Key::at(open, &entry.name);
            if let Some(module) = self.modules.get_mut(place) {
                *module = known
                    .filter(|known| known.settled)
                    .is_some_and(|known| now().is_some_and(|now| known.still_holds(&now)));
            }
        }
        let path = Path::new(OsStr::from_bytes(directory.path));
        let unchanged = directory.known.still_holds(&key)
            && directory.entries.iter().all(|entry| !entry.link || link_holds(open, entry));
        let mut now = self.trust.known(key, path);
        if !unchanged {
            let (entries, told) = list_again(path, self.config)?;
            self.told |= told;
            now.settled &= !told;
            // Of another directory in its place it is not known which ones it is in.
            let before = directory.known.key;
            let same_place = (before.device, before.inode) == (key.device, key.inode);
            if !same_place || !same_entries(&entries, &directory.entries) {
                return None;
            }
        }
        self.better |= now.settled && directory.known != now;
        Some(now)
    }

    /// Opens the directory `path`, by the nearest above it that is open.
    fn open(&mut self, path: &'a [u8]) -> Option<()> {
        let below = |above: &[u8]| path.strip_prefix(above)?.strip_prefix(b"/");
        while self.way.last().is_some_and(|(above, _)| below(above).is_none()) {
            self.way.pop();
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = match self.way.last() {
            Some((above, directory)) => openat(directory, below(above)?, flags, Mode::empty()),
            None => openat(AT_FDCWD, path, flags, Mode::empty()),
        };
        let open = open.ok()?;
        if self.way.len() >= DEEPEST {
            self.way.clear();
        }
        self.way.push((path, open));
        Some(())
    }

    /// Whether a file of the database is the one that was made. One that was looked at
    /// right after that is hardly ever settled then: its bytes tell.
    fn output(&mut self, path: &Path, output: &mut Output) -> bool {
        let Some(now) = fs::symlink_metadata(path).ok().filter(Metadata::is_file) else {
            return false;
        };
        let now = self.trust.known(Key::of(&now), path);
        if output.known.key != now.key {
            return false;
        }
        if output.known.settled {
            return true;
        }
        self.better |= now.settled;
        output.known = now;
        fs::read(path).is_ok_and(|bytes| checksum(&bytes) == output.sum)
    }
}

/// Whether a link in an open directory leads to the same kind of file.
fn link_holds(directory: impl AsFd, link: &Entry<'_>) -> bool {
    let name = link.name.strip_suffix(b"/").unwrap_or(&link.name);
    Key::and_kind_at(directory, name).is_some_and(|(_, kind)| match kind {
        FileKind::Directory => link.kind == EntryKind::Directory,
        FileKind::Regular => link.kind == kind_of_file(name),
    })
}

/// Whether two lists have the same entries; which module each is does not matter.
fn same_entries(new: &[Entry<'_>], old: &[Entry<'_>]) -> bool {
    let same = |(new, old): (&Entry<'_>, &Entry<'_>)| {
        (&new.name, new.kind, new.link) == (&old.name, old.kind, old.link)
    };
    new.len() == old.len() && new.iter().zip(old).all(same)
}

/// The symbolic links that the last run saw: what they lead to may lie outside of the
/// tree.
pub fn links<'o>(old: &'o Tree<'_>) -> impl Iterator<Item = PathBuf> + use<'o> {
    old.directories.iter().flat_map(|directory| {
        let links = directory.entries.iter().filter(|entry| entry.link);
        let path = Path::new(OsStr::from_bytes(directory.path));
        links.map(|link| path.join(OsStr::from_bytes(&link.name)))
    })
}
