//! Puts the database in place, all of it or nothing.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::outputs::{LAST, OutputFile};
use crate::turn::Turn;

/// The order in which the new files take their names.
///
/// Readers look without a lock, so each of the steps has to leave a set that
/// can be used. Whoever finds a name needs what the name leads to; what leads
/// to nothing is passed over by readers. Therefore:
///
/// - Soft dependencies come before the modules that have them: a module that
///   can be found never loads without what it asked for. One that leads to a
///   module not yet listed is passed over, as before the run.
/// - `modules.dep.bin` comes before all that leads to modules. It lists every
///   module file there is, so that an old alias leads to its module still, unless
///   its file is gone: then it could not be loaded before either. The other
///   way round a new alias would lead to a module not yet listed, and what it
///   led to before would be hidden.
/// - A module's own name or alias hides a built-in module's, and what became a
///   module meanwhile must be found as one before it is no longer built in. (A
///   reader that opened the one index before the run and the other behind it misses
///   it all the same; only another kernel of the same version has such a module.)
/// - Texts, which people and `kmod static-nodes` read, come behind.
/// - `modules.dep` says how old the database is (`depmod -A`): it comes last, so
///   that a run that was cut short is not taken for a complete one.
///
/// Nothing helps a module whose file is gone: until `modules.dep.bin` is new its
/// name leads nowhere, whatever the order. A file that is not in the list comes
/// before `modules.dep`.
const ORDER: [&str; 10] = [
    "modules.softdep",
    "modules.weakdep",
    "modules.dep.bin",
    "modules.symbols.bin",
    "modules.alias.bin",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
    "modules.symbols",
    "modules.alias",
    "modules.devname",
];
/// What the name of a temporary file ends with, behind the name of the file it
/// is for, the process and a number. No other program makes such names; kmod's
/// own end with numbers.
const MARK: &str = ".komod";

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

/// Writes `files` into `dir`, which is made if it is not there; others of the database that
/// are there already stay. `turn` is that of this run at `dir`; `None` if it could not be
/// had when the run began: then it is tried once more. It is given back: what the run
/// keeps of its files is part of it.
///
/// All files are written beside their places, forced to disk, and have their
/// full length there, before the first takes its name by rename(2), in an order
/// that leaves a usable set at each step; then the directory is forced to disk.
/// Readers see an old file or a new one, never a part of one, also after a loss
/// of power. A symbolic link is replaced, not followed.
///
/// What a run that was killed has left is removed first, if the turn could be
/// had: then nobody is at work on it.
///
/// # Errors
/// When anything fails; what was written and has no name yet is removed.
pub fn publish(
    dir: &Path,
    files: &[OutputFile],
    turn: Option<Turn>,
) -> Result<Option<Turn>, PublishError> {
    make_directory(dir).map_err(|error| PublishError::Directory { path: dir.to_owned(), error })?;
    let turn = turn.or_else(|| Turn::wait(dir));
    if let Some(turn) = &turn {
        remove_leftovers(dir, turn);
    }
    let mut staged = Vec::with_capacity(files.len());
    for file in files {
        let path = dir.join(file.name);
        let temporary = Temporary::write(dir, file)
            .map_err(|error| PublishError::Write { path: path.clone(), error })?;
        staged.push((file, path, temporary));
    }
    // All are on their way to the disk when the first is waited for.
    for (file, path, temporary) in &staged {
        temporary
            .check(file.contents.len())
            .map_err(|error| PublishError::Write { path: path.clone(), error })?;
    }
    staged.sort_unstable_by_key(|(file, ..)| rank(file.name));
    for (_, path, temporary) in staged {
        temporary.take_name(&path).map_err(|error| PublishError::Replace { path, error })?;
    }
    // The names are there; a file system that cannot sync a directory has no
    // better promise to give.
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
            Err(PublishError::Replace { path: dir.to_owned(), error })
        }
        _ => Ok(turn),
    }
}

/// Makes `dir`, and those above, if it is not there.
///
/// # Errors
/// When one of them cannot be made.
pub fn make_directory(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(dir)
}

fn rank(name: &str) -> usize {
    let known = ORDER.iter().position(|known| *known == name);
    known.unwrap_or(ORDER.len() + usize::from(name == LAST))
}

/// Removes the temporary files of runs that were killed in `dir`, at which this run has its
/// `turn`: nobody is at work on them. One that stays does no harm: errors count for nothing.
pub fn remove_leftovers(dir: &Path, _turn: &Turn) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_temporary(entry.file_name().as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a temporary file has this name: `modules.WORD.PROCESS.NUMBER.komod`.
fn is_temporary(name: &[u8]) -> bool {
    let Some(rest) = name.strip_suffix(MARK.as_bytes()) else { return false };
    let mut parts = rest.rsplitn(3, |&byte| byte == b'.');
    let mut number =
        || parts.next().is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    number() && number() && parts.next().is_some_and(|file| file.starts_with(b"modules."))
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

    /// Waits until all of it is on the disk, which is when a file system has to tell
    /// of what it could not write, and makes sure that all is `length` bytes.
    fn check(&self, length: usize) -> io::Result<()> {
        self.file.sync_all()?;
        if self.file.metadata()?.len() == length as u64 {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::WriteZero, "the file system lost a part of it"))
    }

    /// A new file of mode 0644 without the umask, with a name that no other
    /// run has and that no tool takes for a module or a configuration.
    fn create(dir: &Path, name: &str) -> io::Result<Self> {
        let process = std::process::id();
        for attempt in 0..100 {
            let mut own = OsString::from(name);
            own.push(format!(".{process}.{attempt}{MARK}"));
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
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn files(contents: &[u8]) -> Vec<OutputFile> {
        let names = ["modules.dep", "modules.dep.bin", "modules.alias"];
        names.map(|name| OutputFile { name, contents: contents.to_vec(), sum: 0 }).into()
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
        publish(&dir, &files(b"old"), None).unwrap();
        fs::remove_file(dir.join("modules.alias")).unwrap();
        symlink("/dev/null", dir.join("modules.alias")).unwrap();
        let before = fs::metadata(dir.join("modules.dep")).unwrap().ino();
        publish(&dir, &files(b"new"), None).unwrap();
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
        publish(dir, &files(b"old"), None).unwrap();
        fs::remove_file(dir.join("modules.alias")).unwrap();
        fs::create_dir(dir.join("modules.alias")).unwrap();
        let error = publish(dir, &files(b"new"), None).unwrap_err();
        assert!(
            matches!(error, PublishError::Replace { path, .. } if path.ends_with("modules.alias"))
        );
        assert_eq!(names(dir), ["modules.alias", "modules.dep", "modules.dep.bin"]);
        assert_eq!(fs::read(dir.join("modules.dep")).unwrap(), b"old");
        assert_eq!(fs::read(dir.join("modules.dep.bin")).unwrap(), b"new");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_said() {
        let error = publish(Path::new("/dev/null/x"), &[], None).unwrap_err();
        assert!(matches!(error, PublishError::Directory { .. }));
    }

    #[test]
    fn a_full_disk_changes_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path();
        publish(dir, &files(b"old"), None).unwrap();
        let staged = Temporary::write(dir, &files(b"new")[0]).unwrap();
        assert_eq!(names(dir).len(), 4);
        drop(staged);
        assert_eq!(names(dir), ["modules.alias", "modules.dep", "modules.dep.bin"]);
    }

    #[test]
    fn every_file_has_its_place_in_the_order() {
        let mut names: Vec<_> = crate::file_names().collect();
        names.sort_by_key(|name| rank(name));
        let all: Vec<_> = ORDER.iter().copied().chain([LAST]).collect();
        assert_eq!(names, all);
        assert!(rank("modules.other") > rank("modules.devname"));
        assert!(rank("modules.other") < rank(LAST));
    }

    #[test]
    fn leftovers_of_a_killed_run_go_and_nothing_else_does() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path();
        let foreign = [
            "modules.dep.77.123.456",
            "modules.dep.77.komod",
            "modules.dep.x.0.komod",
            "modules.dep.77..komod",
            "other.77.0.komod",
            "modules.dep.77.0.komod.bak",
        ];
        for name in foreign.iter().chain(&["modules.dep.77.0.komod", ".komod.lock"]) {
            fs::write(dir.join(name), "").unwrap();
        }
        // A run's own is for nobody else.
        let own = fs::Permissions::from_mode(0o600);
        fs::set_permissions(dir.join(".komod.lock"), own).unwrap();
        fs::create_dir(dir.join("modules.alias.77.0.komod")).unwrap();
        publish(dir, &[], None).unwrap();
        let mut left = foreign.to_vec();
        left.push("modules.alias.77.0.komod");
        left.sort_unstable();
        assert_eq!(names(dir), left);
    }

    #[test]
    fn own_temporaries_are_known_as_such() {
        let scratch = tempfile::tempdir().unwrap();
        for name in crate::file_names() {
            let own = Temporary::create(scratch.path(), name).unwrap();
            assert!(is_temporary(own.path.as_ref().unwrap().file_name().unwrap().as_bytes()));
        }
    }

    #[test]
    fn a_file_that_has_not_its_length_is_not_published() {
        let scratch = tempfile::tempdir().unwrap();
        let staged = Temporary::write(scratch.path(), &files(b"new")[0]).unwrap();
        staged.check(3).unwrap();
        assert!(staged.check(4).is_err());
    }
}
