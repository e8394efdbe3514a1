//! Puts the database in place, all of it or nothing.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::outputs::OutputFile;

/// The file that says how old the database is (`depmod -A`): it comes last, so
/// that a run that was cut short is not taken for a complete one.
const LAST: &str = "modules.dep";
/// Where modules are found by name: it comes first, so that a name out of any
/// other new file is known.
const FIRST: &str = "modules.dep.bin";

/// The database could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The output directory cannot be made.
    #[error("could not create directory {}: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file cannot be written. Every old file is as it was.
    #[error("could not write {}: {error}", path.display())]
    Write {
        /// The file that was to be replaced.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A written file cannot take its name. Some may have done so already;
    /// each of them is complete.
    #[error("could not replace {}: {error}", path.display())]
    Replace {
        /// The file that was to be replaced.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Writes `files` into `dir`, which is made if it is not there.
///
/// All are written beside their places and forced to disk before the first
/// takes its name by rename(2): readers see an old file or a new one, never a
/// part of one, also after a loss of power. A symbolic link is replaced, not
/// followed.
///
/// # Errors
/// When anything fails; what was written and has no name yet is removed.
pub fn publish(dir: &Path, files: &[OutputFile]) -> Result<(), PublishError> {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o755)
        .create(dir)
        .map_err(|error| PublishError::Directory { path: dir.to_owned(), error })?;
    let mut staged = Vec::with_capacity(files.len());
    for file in files {
        let path = dir.join(file.name);
        let temporary = Temporary::write(dir, file)
            .map_err(|error| PublishError::Write { path: path.clone(), error })?;
        staged.push((file.name, path, temporary));
    }
    // All are on their way to the disk when the first is waited for.
    for (_, path, temporary) in &staged {
        temporary.sync().map_err(|error| PublishError::Write { path: path.clone(), error })?;
    }
    staged.sort_by_key(|(name, ..)| match *name {
        FIRST => 0,
        LAST => 2,
        _ => 1,
    });
    for (_, path, temporary) in staged {
        temporary.take_name(&path).map_err(|error| PublishError::Replace { path, error })?;
    }
    // The names are there; a file system that cannot sync a directory has no
    // better promise to give.
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
            Err(PublishError::Replace { path: dir.to_owned(), error })
        }
        _ => Ok(()),
    }
}

/// A complete file without its name; removed when it gets none.
struct Temporary {
    path: Option<PathBuf>,
    file: File,
}

impl Temporary {
    fn write(dir: &Path, output: &OutputFile) -> io::Result<Self> {
        let mut temporary = Self::create(dir, output.name)?;
        temporary.file.write_all(&output.contents)?;
        Ok(temporary)
    }

    /// Waits until all of it is on the disk.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// A new file of mode 0644 without the umask, with a name that no other
    /// run has and that no tool takes for a module or a configuration.
    fn create(dir: &Path, name: &str) -> io::Result<Self> {
        let process = std::process::id();
        for attempt in 0..100 {
            let mut own = OsString::from(name);
            own.push(format!(".{process}.{attempt}"));
            let path = dir.join(own);
            match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path) {
                Ok(file) => return Ok(Self { path: Some(path), file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn take_name(mut self, path: &Path) -> io::Result<()> {
        if let Some(own) = &self.path {
            fs::rename(own, path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // It cannot be helped further: the caller has an error already.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn files(contents: &[u8]) -> Vec<OutputFile> {
        let names = ["modules.dep", "modules.dep.bin", "modules.alias"];
        names.map(|name| OutputFile { name, contents: contents.to_vec() }).into()
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_replaced_and_nothing_else_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("lib/modules/1");
        publish(&dir, &files(b"old")).unwrap();
        fs::remove_file(dir.join("modules.alias")).unwrap();
        symlink("/dev/null", dir.join("modules.alias")).unwrap();
        let before = fs::metadata(dir.join("modules.dep")).unwrap().ino();
        publish(&dir, &files(b"new")).unwrap();
        assert_eq!(names(&dir), ["modules.alias", "modules.dep", "modules.dep.bin"]);
        for name in names(&dir) {
            assert_eq!(fs::read(dir.join(&name)).unwrap(), b"new");
            assert!(fs::symlink_metadata(dir.join(&name)).unwrap().is_file());
        }
        assert_ne!(fs::metadata(dir.join("modules.dep")).unwrap().ino(), before);
    }

    #[test]
    fn a_name_that_cannot_be_taken_leaves_no_temporary_and_dep_is_last() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path();
        publish(dir, &files(b"old")).unwrap();
        fs::remove_file(dir.join("modules.alias")).unwrap();
        fs::create_dir(dir.join("modules.alias")).unwrap();
        let error = publish(dir, &files(b"new")).unwrap_err();
        assert!(
            matches!(error, PublishError::Replace { path, .. } if path.ends_with("modules.alias"))
        );
        assert_eq!(names(dir), ["modules.alias", "modules.dep", "modules.dep.bin"]);
        assert_eq!(fs::read(dir.join("modules.dep")).unwrap(), b"old");
        assert_eq!(fs::read(dir.join("modules.dep.bin")).unwrap(), b"new");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_said() {
        let error = publish(Path::new("/dev/null/x"), &[]).unwrap_err();
        assert!(matches!(error, PublishError::Directory { .. }));
    }

    #[test]
    fn a_full_disk_changes_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path();
        publish(dir, &files(b"old")).unwrap();
        let staged = Temporary::write(dir, &files(b"new")[0]).unwrap();
        assert_eq!(names(dir).len(), 4);
        drop(staged);
        assert_eq!(names(dir), ["modules.alias", "modules.dep", "modules.dep.bin"]);
    }
}
