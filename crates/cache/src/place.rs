//! The directory that caches lie in, and who may have written there.

use std::fs::{File, Metadata, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use memmap2::{Advice, MmapMut, MmapOptions};
use nix::fcntl::{Flock, FlockArg, OFlag, open, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::bytes::{LARGEST, checksum};

/// Where caches are kept if nobody says otherwise.
pub const DEFAULT: &str = "/var/cache/komod";

/// A directory that only its owner can write to: root, or the user who asks.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    user: u32,
}

/// The size of a huge page of most systems.
const HUGE: usize = 2 << 20;

/// All of a file.
#[derive(Debug)]
pub struct Bytes(MmapMut);

impl Bytes {
    /// So many zeros. The system gives the memory in one go, or in huge pages: page by page,
    /// as it is written to, takes several times as long.
    fn of_size(size: usize) -> Option<Self> {
        let mut options = MmapOptions::new();
        options.len(size);
        if size < HUGE {
            return options.populate().map_anon().ok().map(Self);
        }
        let memory = options.map_anon().ok()?;
        // A system without them gives others. What lies before and behind huge pages is
        // given at once too, since Linux 5.14.
        let _ = memory.advise(Advice::HugePage);
        let _ = memory.advise(Advice::PopulateWrite);
        Some(Self(memory))
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Place {
    /// The directory `path`. `None` if there is none, or if anybody else could have put
    /// something there: it belongs to neither root nor this process's user, or its group
    /// or all may write (so says the mode, which includes what an access list grants). A
    /// symbolic link is none.
    pub fn open(path: &Path) -> Option<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let user = geteuid().as_raw();
        let directory = File::from(open(path, flags, Mode::empty()).ok()?);
        let metadata = directory.metadata().ok()?;
        is_trusted(&metadata, user).then(|| Self { directory: directory.into(), user })
    }

    /// As [`Place::open`]; a directory that is missing is made, if its parent is there.
    pub fn make(path: &Path) -> Option<Self> {
        Self::open(path).or_else(|| {
            std::fs::DirBuilder::new().mode(0o755).create(path).ok()?;
            Self::open(path)
        })
    }

    /// The file `name`, to be read at any place. `None` if it is missing or no regular
    /// file, or belongs to others, or others may write to it.
    pub fn file(&self, name: &str) -> Option<File> {
        // A pipe must not keep us waiting.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let file = File::from(openat(&self.directory, name, flags, Mode::empty()).ok()?);
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && is_trusted(&metadata, self.user)).then_some(file)
    }

    /// All of the file `name`; `None` too if it is larger than any that is written.
    pub fn read(&self, name: &str) -> Option<Bytes> {
        let mut file = self.file(name)?;
        let size = usize::try_from(file.metadata().ok()?.len()).ok()?;
        if size > LARGEST {
            return None;
        }
        let mut bytes = Bytes::of_size(size)?;
        file.read_exact(&mut bytes.0).ok()?;
        Some(bytes)
    }

    /// Puts a file of these bytes in place of `name` by rename(2): who reads sees the old
    /// one or the new one. `None` if that cannot be, or another process is about it; then
    /// the old one stays.
    ///
    /// It is not forced to the disk. After a loss of power it may be cut off, empty or
    /// old: its checksum tells of the first two, its keys of the last.
    pub fn write(
        &self,
        name: &str,
        mode: u32,
        fill: impl FnOnce(&mut File) -> Option<()>,
    ) -> Option<()> {
        let temporary = format!("{name}.new");
        let mut file = self.locked(&temporary)?;
        let written = fill(&mut file)
            .and_then(|()| file.set_permissions(Permissions::from_mode(mode)).ok())
            .and_then(|()| {
                renameat(&self.directory, temporary.as_str(), &self.directory, name).ok()
            });
        if written.is_none() {
            let _ = self.remove(&temporary);
        }
        written
    }

    /// The file `name`, empty and nobody else's for now. What a run that was cut short
    /// has left there is used again, so that never more than one file is left.
    fn locked(&self, name: &str) -> Option<Flock<File>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let own = Mode::S_IRUSR | Mode::S_IWUSR;
        for _ in 0..3 {
            let file = File::from(openat(&self.directory, name, flags, own).ok()?);
            let metadata = file.metadata().ok()?;
            if !metadata.is_file() || !is_trusted(&metadata, self.user) {
                self.remove(name)?;
                continue;
            }
            let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
            // Another process may have given it its name before we had the lock.
            let same = self.file(name).and_then(|again| again.metadata().ok());
            if same.is_some_and(|again| again.ino() == metadata.ino()) {
                file.set_len(0).ok()?;
                return Some(file);
            }
        }
        None
    }

    /// Removes the file `name`; `None` if it cannot be.
    pub fn remove(&self, name: &str) -> Option<()> {
        unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir).ok()
    }

    /// [`Place::write`] of bytes that are there.
    pub fn replace(&self, name: &str, mode: u32, bytes: &[u8]) -> Option<()> {
        self.write(name, mode, |file| file.write_all(bytes).ok())
    }
}

/// Whether this process is root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

fn is_trusted(metadata: &Metadata, user: u32) -> bool {
    (metadata.uid() == 0 || metadata.uid() == user) && metadata.mode() & 0o022 == 0
}

/// What the files of the tree `directory` are called, but for their endings: by its last
/// component, for people, and by all of the path. No two trees that differ in their
/// paths are likely to share a name, and each file says whose it is.
pub fn name_of(directory: &Path) -> String {
    const LONGEST: usize = 100;
    let path = directory.as_os_str().as_bytes();
    let last = path.rsplit(|&byte| byte == b'/').find(|part| !part.is_empty());
    let shown = last.unwrap_or_default().iter().take(LONGEST).map(|&byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'+' | b'-' => char::from(byte),
        _ => '_',
    });
    let shown: String = shown.collect();
    let shown = shown.trim_start_matches('.');
    format!("{shown}.{:016x}", checksum(path))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn scratch() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        (dir, path)
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_written_is_read() {
        let (_dir, path) = scratch();
        assert!(Place::open(&path).is_none());
        let place = Place::make(&path).unwrap();
        assert!(place.read("a").is_none());
        place.replace("a", 0o600, b"one").unwrap();
        place.replace("a", 0o644, b"two").unwrap();
        assert_eq!(&*place.read("a").unwrap(), b"two");
        assert_eq!(fs::metadata(path.join("a")).unwrap().mode() & 0o777, 0o644);
        assert_eq!(place.write("a", 0o644, |_| None), None);
        assert_eq!(&*place.read("a").unwrap(), b"two");
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn what_others_could_have_written_is_not_there() {
        let (_dir, path) = scratch();
        let place = Place::make(&path).unwrap();
        place.replace("a", 0o600, b"one").unwrap();
        for mode in [0o620, 0o602, 0o666] {
            chmod(&path.join("a"), mode);
            assert!(place.read("a").is_none());
        }
        chmod(&path.join("a"), 0o600);
        assert!(place.read("a").is_some());
        symlink("a", path.join("link")).unwrap();
        assert!(place.read("link").is_none());
        fs::create_dir(path.join("dir")).unwrap();
        assert!(place.read("dir").is_none());
        for mode in [0o775, 0o757, 0o777] {
            chmod(&path, mode);
            assert!(Place::open(&path).is_none());
            assert!(Place::make(&path).is_none());
        }
        chmod(&path, 0o755);
        let link = path.with_file_name("link");
        symlink("cache", &link).unwrap();
        assert!(Place::open(&link).is_none());
    }

    #[test]
    fn a_foreign_owner_is_not_trusted() {
        let metadata = fs::metadata("/proc/self/exe").unwrap();
        let other = metadata.uid().wrapping_add(1).max(1);
        assert!(is_trusted(&fs::metadata("/proc").unwrap(), other));
        if metadata.uid() != 0 {
            assert!(!is_trusted(&metadata, other));
        }
    }

    #[test]
    fn leftovers_are_used_again_and_a_writer_is_let_be() {
        let (_dir, path) = scratch();
        let place = Place::make(&path).unwrap();
        fs::write(path.join("a.new"), "a leftover that is longer").unwrap();
        place.replace("a", 0o600, b"one").unwrap();
        assert_eq!(&*place.read("a").unwrap(), b"one");
        assert!(!path.join("a.new").exists());
        let writing = place.locked("a.new").unwrap();
        assert_eq!(place.replace("a", 0o600, b"two"), None);
        assert_eq!(&*place.read("a").unwrap(), b"one");
        drop(writing);
        symlink("a", path.join("b.new")).unwrap();
        assert_eq!(place.replace("b", 0o600, b"two"), None);
        assert_eq!(&*place.read("a").unwrap(), b"one");
        // Where others may write, it is not for them to choose what.
        fs::write(path.join("c.new"), "").unwrap();
        chmod(&path.join("c.new"), 0o666);
        place.replace("c", 0o600, b"two").unwrap();
        assert_eq!(&*place.read("c").unwrap(), b"two");
    }

    #[test]
    fn names_are_plain_and_differ() {
        let name = |path: &str| name_of(Path::new(path));
        assert!(name("/lib/modules/6.12+deb13-amd64").starts_with("6.12+deb13-amd64."));
        assert_ne!(name("/lib/modules/1"), name("/b/lib/modules/1"));
        assert!(name("/lib/modules/6 \n\u{fc}/").starts_with("6____."));
        assert!(name("/lib/modules/..").starts_with('.'));
        assert!(!name("/lib/modules/..").contains('/'));
        assert!(name(&"x".repeat(1000)).len() < 128);
    }
}
