use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
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
    /// Nobody had it, or had left its file, when this run came.
    free: bool,
}

impl Turn {
    /// Waits, as long as it takes, until no other run works on `dir`. The lock is
    /// on a file of root's or of this process's user that nobody else can open: nobody
    /// else can make a run wait.
    ///
    /// `None` at once when no file can be made in `dir` (it is not there, not
    /// writable, full), one is there that others may have made or opened, or its file
    /// system knows no locks: the run then goes on as one that is alone, and what cannot be
    /// written is told when it is written.
    pub fn wait(dir: &Path) -> Option<Self> {
        let path = dir.join(NAME);
        let mut how = OpenOptions::new();
        how.write(true).mode(MODE);
        how.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
        let mut free = true;
        loop {
            let opened = how.create_new(free).create(!free).open(&path);
            let taken = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
            if free && opened.as_ref().is_err_and(taken) {
                free = false;
                continue;
            }
            let file = opened.ok()?;
            // Whoever had it before has removed the file: its name counts.
            let Some(metadata) = found_at(&file, &path).ok()? else {
                free = false;
                continue;
            };
            if !is_ours(&metadata) {
                return None;
            }
            if metadata.mode() & 0o777 != MODE {
                // An odd umask; the next run has to open it if this one is killed.
                let _ = file.set_permissions(Permissions::from_mode(MODE));
            }
            let lock = locked(file).ok()?;
            // Who had it meanwhile has, too.
            if found_at(&lock, &path).ok()?.is_some() {
                return Some(Self { path, lock: Some(lock), free });
            }
            free = false;
        }
    }

    /// Whether some run has its turn at `dir`, or was killed while it had it. Whoever
    /// comes later than this looks reads later too.
    pub fn is_taken(dir: &Path) -> bool {
        fs::symlink_metadata(dir.join(NAME)).is_ok()
    }

    /// Whether no run before had left anything, or had to be waited for.
    pub fn was_free(&self) -> bool {
        self.free
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

/// Nobody but its owner opens it, whatever the umask.
const MODE: u32 = 0o600;

/// Whether a run has made the file, and nobody else can have it open: who owns the directory
/// may put any file of root's there, which others read and lock, or a second name of one
/// that a service of root's has locked.
fn is_ours(metadata: &Metadata) -> bool {
    (metadata.uid() == 0 || metadata.uid() == geteuid().as_raw())
        && metadata.is_file()
        && metadata.nlink() == 1
        && metadata.mode() & 0o077 == 0
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

/// What the system says of this file by the name `path`; `None` if that names it no more.
///
/// By the name, as one link is then this one: a file that had a second name when it was
/// opened has none when it is looked at.
fn found_at(file: &File, path: &Path) -> io::Result<Option<Metadata>> {
    let own = file.metadata()?;
    let same = |there: &Metadata| (there.dev(), there.ino()) == (own.dev(), own.ino());
    match fs::symlink_metadata(path) {
        // A name that is going has no link any more.
        Ok(there) => Ok(Some(there).filter(|there| same(there) && there.nlink() > 0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
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
        assert!(!Turn::is_taken(scratch.path()));
        assert!(Turn::wait(scratch.path()).unwrap().was_free());
        drop(made(&scratch.path().join(NAME), MODE));
        assert!(Turn::is_taken(scratch.path()));
        assert!(!Turn::wait(scratch.path()).unwrap().was_free());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn nobody_else_makes_a_run_wait() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(NAME);
        let taken = |foreign: File| {
            // Locked by somebody: to wait for it would never end.
            let foreign = locked(foreign).unwrap();
            assert!(Turn::wait(scratch.path()).is_none());
            drop(foreign);
            // Nor is what others have locked once taken away from them.
            fs::remove_file(&path).unwrap();
        };
        if geteuid().is_root() {
            let foreign = made(&path, MODE);
            std::os::unix::fs::chown(&path, Some(1), None).unwrap();
            taken(foreign);
        }
        // A file of the database, put there.
        for mode in [0o644, 0o604, 0o640, 0o620, 0o601] {
            taken(made(&path, mode));
        }
        // A service's own lock.
        let service = scratch.path().join("service.lock");
        let foreign = made(&service, MODE);
        fs::hard_link(&service, &path).unwrap();
        taken(foreign);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        taken(pipe);
    }

    fn made(path: &Path, mode: u32) -> File {
        let file = File::create(path).unwrap();
        file.set_permissions(Permissions::from_mode(mode)).unwrap();
        file
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
