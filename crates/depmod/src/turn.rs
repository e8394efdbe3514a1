use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;

/// Its lock is what counts. A file that a killed run left is taken over by the
/// next and goes with it.
const NAME: &str = ".komod.lock";

/// A run's turn at the database of one directory: no other run of komod reads
/// modules for it, or replaces its files, until this is dropped.
///
/// Without it a run that read the modules earlier could publish later, and
/// take what was installed meanwhile out of the database again.
#[derive(Debug)]
pub struct Turn {
    path: PathBuf,
    /// There until the turn is over.
    lock: Option<Flock<File>>,
}

impl Turn {
    /// Waits, as long as it takes, until no other run works on `dir`. The lock is
    /// on a file of root's or of this process's user that nobody else can open: nobody
    /// else can make a run wait.
    ///
    /// `None` at once when no file can be made in `dir` (it is not there, not
    /// writable, full), one is there that belongs to somebody else, or its file system
    /// knows no locks: the run then goes on as one that is alone, and what cannot be
    /// written is told when it is written.
    pub fn wait(dir: &Path) -> Option<Self> {
        let path = dir.join(NAME);
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
                .open(&path)
                .ok()?;
            let owner = file.metadata().ok()?.uid();
            if owner != 0 && owner != geteuid().as_raw() {
                return None;
            }
            let lock = locked(file).ok()?;
            // Whoever had it before has removed the file: its name counts.
            match is_at(&lock, &path) {
                Ok(true) => return Some(Self { path, lock: Some(lock) }),
                Ok(false) => {}
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // While it is locked: nobody else has found it and holds it for theirs.
        let _ = fs::remove_file(&self.path);
        // A lock that is dropped panics when it cannot be given back. One that is
        // kept ends with the process.
        if let Some(Err((kept, _))) = self.lock.take().map(Flock::unlock) {
            std::mem::forget(kept);
        }
    }
}

fn locked(mut file: File) -> io::Result<Flock<File>> {
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(lock) => return Ok(lock),
            Err((back, nix::errno::Errno::EINTR)) => file = back,
            Err((_, errno)) => return Err(errno.into()),
        }
    }
}

/// Whether `path` still names this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn one_has_it_at_a_time_and_nothing_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let turn = Turn::wait(scratch.path()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                        drop(turn);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_a_killed_run_left_is_taken_over() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(NAME), "").unwrap();
        assert!(Turn::wait(scratch.path()).is_some());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn nobody_else_makes_a_run_wait() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(NAME);
        let foreign = locked(File::create(&path).unwrap()).unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1), None).unwrap();
            assert!(Turn::wait(scratch.path()).is_none());
        }
        drop(foreign);
        // Nor is what others have locked once taken away from them.
        assert!(path.exists());
    }

    #[test]
    fn where_no_lock_can_be_nobody_waits() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(Turn::wait(&scratch.path().join("nowhere")).is_none());
        let target = scratch.path().join("target");
        std::os::unix::fs::symlink(&target, scratch.path().join(NAME)).unwrap();
        assert!(Turn::wait(scratch.path()).is_none());
        assert!(!target.exists());
    }
}
