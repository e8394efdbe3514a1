//! What there is in one directory of a module tree.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use komod_cache::{Entry, EntryKind};
use komod_config::DepmodConfig;

use crate::finding::{Finding, Sink};
use crate::found::join;

/// The entries of the directory `path`, and whether there was something to tell of them,
/// which the sink has heard. Of links there are those, too, that could come to matter.
///
/// In byte order, where the name of a directory ends in the slash that makes it sort where
/// its contents belong.
///
/// # Errors
/// When it cannot be listed.
pub(crate) fn list<'o>(
    path: &Path,
    config: &DepmodConfig,
    sink: &mut Sink<'_>,
) -> io::Result<(Vec<Entry<'o>>, bool)> {
    let mut lister = Lister { config, sink, told: false };
    let entries = lister.list(path.as_os_str().as_bytes(), path)?;
    Ok((entries, lister.told))
}

struct Lister<'a, 'f> {
    config: &'a DepmodConfig,
    sink: &'a mut Sink<'f>,
    told: bool,
}

impl Lister<'_, '_> {
    fn list<'o>(&mut self, path: &[u8], own: &Path) -> io::Result<Vec<Entry<'o>>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(own)? {
            let entry = entry?;
            let mut name = entry.file_name().into_vec();
            if self.is_excluded(&name) {
                continue;
            }
            let Some((kind, link)) = self.kind(path, &name, &entry) else { continue };
            if kind == EntryKind::Directory {
                name.push(b'/');
            }
            if kind != EntryKind::Other || link {
                entries.push(Entry { name: name.into(), kind, link, module: None });
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn is_excluded(&self, name: &[u8]) -> bool {
        name == b"build" || name == b"source" || self.config.excludes.iter().any(|e| e == name)
    }

    /// What an entry is, links followed, and whether it is a link; `None` if it is
    /// neither directory nor regular file, and the sink knows.
    fn kind(&mut self, dir: &[u8], name: &[u8], entry: &fs::DirEntry) -> Option<(EntryKind, bool)> {
        let known = entry.file_type().ok().filter(|kind| !kind.is_symlink());
        let kind = match known {
            Some(kind) => kind,
            None => match fs::metadata(entry.path()) {
                Ok(metadata) => metadata.file_type(),
                Err(error) => {
                    self.tell(Finding::Entry { dir, name, error });
                    return None;
                }
            },
        };
        let of = kind_of(name, kind);
        if of.is_none() {
            let path = join(dir, name);
            self.tell(Finding::FileType { path: &path, mode: format_bits(kind) });
        }
        Some((of?, known.is_none()))
    }

    fn tell(&mut self, finding: Finding<'_>) {
        self.told = true;
        (self.sink)(finding);
    }
}

/// What an entry of that name and type is; `None` for what is no file.
fn kind_of(name: &[u8], kind: FileType) -> Option<EntryKind> {
    if kind.is_dir() {
        Some(EntryKind::Directory)
    } else if kind.is_file() {
        Some(kind_of_file(name))
    } else {
        None
    }
}

/// What a regular file of that name is.
pub(crate) fn kind_of_file(name: &[u8]) -> EntryKind {
    if komod_file::strip_extension(name).is_some() { EntryKind::Module } else { EntryKind::Other }
}

/// The file type bits of `st_mode` (inode(7)).
fn format_bits(kind: FileType) -> u32 {
    if kind.is_fifo() {
        0o010_000
    } else if kind.is_char_device() {
        0o020_000
    } else if kind.is_block_device() {
        0o060_000
    } else if kind.is_socket() {
        0o140_000
    } else {
        0
    }
}
