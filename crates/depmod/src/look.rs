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

use crate::inputs;
use crate::list::{kind_of_file, list};
use crate::outputs::file_names;

/// What came of a look.
#[derive(Debug, Default)]
pub struct Look {
    /// For each module of the last run whether it is for certain the same file with the
    /// same bytes.
    pub modules: Vec<bool>,
    /// For each directory of the last run what is known of it now, if it has the very
    /// same entries.
    pub(crate) directories: Vec<Option<Known>>,
    /// Whether some directory of the last run is not open to everybody.
    pub(crate) closed: bool,
    /// For each file of the database the same, if it is for certain as it was made.
    pub outputs: Vec<Option<Output>>,
    inputs: Vec<Option<Known>>,
    /// The keys of the files of the database, before anything else was looked at.
    before: Vec<Option<Key>>,
    /// Whether everything is as it was.
    pub same: bool,
    /// Whether there was something to tell of the directories.
    pub told: bool,
    better: bool,
}

impl Look {
    /// Whether no other run has ended since the look began, which took no turn at the
    /// database in `out_dir`. It replaces at least one file then.
    pub fn is_latest(&self, out_dir: &Path) -> bool {
        self.before.is_empty() || output_keys(out_dir) == self.before
    }

    /// What the last run saw in `old`, where some of it is known better now and all is
    /// the same: to be kept in its place.
    pub fn better<'o>(&self, old: &Tree<'o>) -> Option<Tree<'o>> {
        if !(self.same && self.better) {
            return None;
        }
        let outputs = self.outputs.iter().copied().collect::<Option<Vec<_>>>()?;
        let mut tree = Tree { inputs: self.inputs.clone(), outputs, ..old.clone() };
        for (directory, known) in tree.directories.iter_mut().zip(&self.directories) {
            directory.known = known.unwrap_or(directory.known);
        }
        Some(tree)
    }
}

/// Looks at the tree `dir` and its database in `out_dir`, of which the last run, with the
/// very same settings, saw and left `old`.
pub fn look(old: &Tree<'_>, config: &DepmodConfig, (dir, out_dir): (&Path, &Path)) -> Look {
    let mut looker = Looker {
        trust: Trust::begin(),
        config,
        modules: vec![false; old.modules.len()],
        told: false,
        closed: false,
        better: false,
        way: Vec::new(),
        name: Vec::new(),
    };
    let before = output_keys(out_dir);
    let inputs = inputs::note(dir, &mut looker.trust);
    let mut same = old.inputs.len() == inputs.len();
    same &= old.inputs.iter().zip(&inputs).all(|pair| match pair {
        (Some(old), Some(now)) => old.still_holds(&now.key),
        (old, now) => old.is_none() && now.is_none(),
    });
    let mut directories = Vec::with_capacity(old.directories.len());
    for directory in &old.directories {
        let now = looker.directory(directory, old);
        same &= now.is_some();
        directories.push(now);
    }
    same &= looker.modules.iter().all(|holds| *holds);
    same &= old.outputs.len() == file_names().count();
    let outputs: Vec<_> = file_names()
        .zip(old.outputs.iter().zip(&before))
        .map(|(name, (output, now))| looker.output(&out_dir.join(name), *output, *now, same))
        .collect();
    same &= outputs.iter().all(Option::is_some);
    let Looker { modules, told, closed, better, .. } = looker;
    Look { modules, directories, closed, outputs, inputs, before, same, told, better }
}

/// The keys of the files of the database in `dir`, of those that are files.
fn output_keys(dir: &Path) -> Vec<Option<Key>> {
    let key = |name| {
        let metadata = fs::symlink_metadata(dir.join(name)).ok().filter(Metadata::is_file)?;
        Some(Key::of(&metadata))
    };
    file_names().map(key).collect()
}

struct Looker<'a> {
    trust: Trust,
    config: &'a DepmodConfig,
    modules: Vec<bool>,
    told: bool,
    closed: bool,
    /// Whether something is known better than before.
    better: bool,
    /// Directories that are open, each in the one before it, with their paths.
    way: Vec<(&'a [u8], OwnedFd)>,
    /// Memory for names.
    name: Vec<u8>,
}

/// To open and close a directory takes as long as to look so many names up through it.
const WORTH_OPENING: usize = 8;
/// A path that long leads through many directories.
const FAR: usize = 64;

/// No tree is deeper but one of links; and few programs may have more files open.
const DEEPEST: usize = 64;

impl<'a> Looker<'a> {
    /// Looks at the modules in a directory, and returns what is known of it if its
    /// entries are the same.
    fn directory(&mut self, directory: &'a Directory<'_>, old: &Tree<'_>) -> Option<Known> {
        let mut name = std::mem::take(&mut self.name);
        let key = self.reach(directory, &mut name)?;
        let open = self.way.last().map_or(AT_FDCWD, |(_, open)| open.as_fd());
        let prefix = name.len();
        for entry in &directory.entries {
            let Some(place) = entry.module.map(|place| place as usize) else { continue };
            let known = old.modules.get(place).and_then(|module| module.known);
            name.truncate(prefix);
            name.extend_from_slice(&entry.name);
            let now = || Key::at(open, &name);
            if let Some(module) = self.modules.get_mut(place) {
                *module = known
                    .filter(|known| known.settled)
                    .is_some_and(|known| now().is_some_and(|now| known.still_holds(&now)));
            }
        }
        let mut links = directory.entries.iter().filter(|entry| entry.link);
        let unchanged = directory.known.still_holds(&key)
            && links.all(|link| {
                name.truncate(prefix);
                name.extend_from_slice(&link.name);
                link_holds(open, &name, link)
            });
        self.name = name;
        let path = Path::new(OsStr::from_bytes(directory.path));
        let mut now = self.trust.known(key, path);
        if !unchanged {
            let (entries, told) = list(path, self.config, &mut |_| {}).ok()?;
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

    /// The key of a directory. `name` becomes what stands before the names of its
    /// entries, as they are called from the last directory of the way: itself, if there
    /// is enough to look at in it, or one above.
    fn reach(&mut self, directory: &Directory<'a>, name: &mut Vec<u8>) -> Option<Key> {
        let path = directory.path;
        let below = |above: &[u8]| path.strip_prefix(above)?.strip_prefix(b"/");
        while self.way.last().is_some_and(|(above, _)| below(above).is_none()) {
            self.way.pop();
        }
        let (above, rest) = match self.way.last() {
            Some((above, open)) => (open.as_fd(), below(above)?),
            None => (AT_FDCWD, path),
        };
        name.clear();
        if directory.entries.len() < WORTH_OPENING && rest.len() < FAR {
            name.extend_from_slice(rest);
            name.push(b'/');
            return self.directory_key(Key::and_kind_at(above, rest));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = openat(above, rest, flags, Mode::empty()).ok()?;
        let key = self.directory_key(Key::and_kind_of_open(&open));
        if self.way.len() >= DEEPEST {
            self.way.clear();
        }
        self.way.push((path, open));
        key
    }

    /// The key of what is a directory.
    fn directory_key(&mut self, found: Option<(Key, FileKind)>) -> Option<Key> {
        let Some((key, FileKind::Directory { open })) = found else { return None };
        self.closed |= !open;
        Some(key)
    }

    /// What is known of a file of the database, if it is the one that was made. One that
    /// was looked at right after that is hardly ever settled then: its bytes tell, if they
    /// may be `read`.
    fn output(
        &mut self,
        path: &Path,
        output: Output,
        now: Option<Key>,
        read: bool,
    ) -> Option<Output> {
        let now = now.filter(|now| *now == output.known.key)?;
        let now = self.trust.known(now, path);
        if output.known.settled {
            return Some(output);
        }
        self.better |= now.settled;
        let same = || fs::read(path).is_ok_and(|bytes| checksum(&bytes) == output.sum);
        (read && same()).then_some(Output { known: now, ..output })
    }
}

/// Whether a link, which is called so from an open directory, leads to the same kind of
/// file.
fn link_holds(directory: impl AsFd, name: &[u8], link: &Entry<'_>) -> bool {
    let name = name.strip_suffix(b"/").unwrap_or(name);
    Key::and_kind_at(directory, name).is_some_and(|(_, kind)| match kind {
        FileKind::Directory { .. } => link.kind == EntryKind::Directory,
        FileKind::Regular => link.kind == kind_of_file(&link.name),
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
