//! What a context keeps open, and whether it is still what lies on the disk.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use komod_index::Error as IndexError;
use komod_kernel::Errno;
use komod_probe::{Broken, Database};

use crate::Context;
use crate::text::errno_of;

/// Which file, and in which state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// A path and what was there.
#[derive(Debug)]
pub(crate) struct Stamped {
    path: PathBuf,
    stamp: Option<Stamp>,
}

impl Stamped {
    /// As it is now; that there is nothing is a state too.
    pub(crate) fn now(path: &Path) -> Self {
        Self { path: path.to_owned(), stamp: stamp(path) }
    }

    fn has_changed(&self) -> bool {
        stamp(&self.path) != self.stamp
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        seconds: metadata.mtime(),
        nanoseconds: metadata.mtime_nsec(),
    })
}

/// All indexes, open.
struct Loaded {
    database: Rc<Database>,
    stamps: Vec<Stamped>,
}

/// The indexes of a context.
#[derive(Default)]
pub struct Resources {
    loaded: RefCell<Option<Loaded>>,
}

/// One index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Modules and what they need.
    Dep,
    /// Aliases of modules.
    Alias,
    /// Symbols of modules.
    Symbols,
    /// Aliases of built-in modules.
    BuiltinAlias,
    /// Names of built-in modules.
    Builtin,
}

const FILES: [&str; 5] = [
    "modules.dep.bin",
    "modules.alias.bin",
    "modules.symbols.bin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
];

/// What became of a context's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing.
    Nothing = 0,
    /// An index that is kept open is no longer the one on the disk.
    Index = 1,
    /// The configuration.
    Configuration = 2,
}

impl Context {
    /// Opens all indexes, to be kept open; nothing when they are open already.
    ///
    /// # Errors
    /// Why one of them cannot be opened. Then none stays open: each question opens what
    /// it needs.
    pub fn load_resources(&self) -> Result<(), Errno> {
        if self.resources.loaded.borrow().is_some() {
            return Ok(());
        }
        // Before they are opened: what changes between is seen as a change.
        let stamps = FILES.map(|file| Stamped::now(&self.dir().join(file))).into();
        match Database::load(self.dir().to_owned()) {
            Ok(database) => {
                let loaded = Loaded { database: Rc::new(database), stamps };
                self.resources.loaded.replace(Some(loaded));
                Ok(())
            }
            Err(broken) => {
                self.tell_broken(&broken);
                Err(match &broken.error {
                    IndexError::Io(error) => errno_of(error),
                    _ => Errno::EINVAL,
                })
            }
        }
    }

    /// Closes them.
    pub fn unload_resources(&self) {
        self.resources.loaded.replace(None);
    }

    /// Whether the configuration's directories and files, and the indexes that are kept
    /// open, are what they were.
    pub fn changed(&self) -> Changed {
        if self.config_stamps.iter().any(Stamped::has_changed) {
            return Changed::Configuration;
        }
        match &*self.resources.loaded.borrow() {
            Some(loaded) if loaded.stamps.iter().any(Stamped::has_changed) => Changed::Index,
            _ => Changed::Nothing,
        }
    }

    /// The indexes to ask: those kept open, or for one question those on the disk now.
    pub(crate) fn database(&self) -> Rc<Database> {
        match &*self.resources.loaded.borrow() {
            Some(loaded) => Rc::clone(&loaded.database),
            None => Rc::new(Database::new(self.dir().to_owned())),
        }
    }

    /// Writes the keys and values of an index in the order of `modprobe -c`. That `out`
    /// takes them is the caller's concern.
    ///
    /// # Errors
    /// ENOSYS when there is no such index.
    pub fn dump_index(&self, which: Which, out: &mut dyn Write) -> Result<(), Errno> {
        let database = self.database();
        let (index, prefix) = match which {
            Which::Dep => (database.dep(), &b""[..]),
            Which::Alias => (database.aliases(), &b"alias "[..]),
            Which::Symbols => (database.symbols(), &b"alias "[..]),
            Which::BuiltinAlias => (database.builtin_aliases(), &b""[..]),
            Which::Builtin => (database.builtin(), &b""[..]),
        };
        let index = index.ok_or(Errno::ENOSYS)?;
        let mut text = Vec::new();
        index.for_each(&mut |key, value| {
            text.extend_from_slice(prefix);
            text.extend_from_slice(key);
            text.push(b' ');
            text.extend_from_slice(value.value);
            text.push(b'\n');
        });
        let _ = out.write_all(&text);
        Ok(())
    }

    fn tell_broken(&self, broken: &Broken) {
        if let error @ (IndexError::Magic { .. } | IndexError::Version { .. }) = &broken.error {
            self.log.error("index_mm_open", error);
        }
    }
}
