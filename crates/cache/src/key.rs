//! By what a file is known again.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat};
use nix::time::{ClockId, clock_gettime};

use crate::bytes::{Reader, Writer};
use crate::file_system;

/// What the system says of a file that changes whenever its bytes, or a directory's
/// entries, do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
    /// `st_size`, in bytes.
    pub size: u64,
    /// `st_mtim`: anybody can set it.
    pub modified: Moment,
    /// `st_ctim`: only the system sets it, at each change of the file, its mode, owner,
    /// names or times.
    pub changed: Moment,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory {
        /// Whether everybody may go past it to what is in it.
        open: bool,
    },
    /// A file with bytes.
    Regular,
}

/// Whether everybody may go past a directory of this mode to what is in it.
pub fn is_open(mode: u32) -> bool {
    mode & 0o001 != 0
}

/// A point of time, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds behind them.
    pub nanoseconds: u32,
}

/// Bytes of a key without its device.
const FILE: usize = 40;

impl Key {
    /// The key of the file that `metadata` is of.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: Moment::new(metadata.mtime(), metadata.mtime_nsec()),
            changed: Moment::new(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The key of an open file, with what it is; `None` if the system does not tell, or it
    /// is neither directory nor regular file.
    pub fn and_kind_of_open(file: impl AsFd) -> Option<(Self, FileKind)> {
        Self::and_kind(&fstat(file).ok()?)
    }

    /// The key of the file `name` in an open directory, links followed; `None` if there
    /// is none.
    pub fn at(directory: impl AsFd, name: &[u8]) -> Option<Self> {
        Self::and_kind_at(directory, name).map(|(key, _)| key)
    }

    /// As [`Key::at`], with what the file is; `None` too if it is neither directory nor
    /// regular file.
    pub fn and_kind_at(directory: impl AsFd, name: &[u8]) -> Option<(Self, FileKind)> {
        Self::and_kind(&fstatat(directory, name, AtFlags::empty()).ok()?)
    }

    fn and_kind(stat: &FileStat) -> Option<(Self, FileKind)> {
        let kind = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => FileKind::Directory { open: is_open(stat.st_mode) },
            SFlag::S_IFREG => FileKind::Regular,
            _ => return None,
        };
        Some((Self::of_stat(stat), kind))
    }

    #[allow(clippy::unnecessary_cast, reason = "the widths differ by architecture")]
    fn of_stat(stat: &FileStat) -> Self {
        let moment = |seconds, rest| Moment::new(seconds, rest);
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: moment(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: moment(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether whatever happens to the file at `now` or later gives it another key.
    pub fn is_settled(&self, now: Moment) -> bool {
        self.modified.is_before(now) && self.changed.is_before(now)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.to_bytes());
    }

    /// All of it, in a form of its own.
    pub fn to_bytes(self) -> [u8; 8 + FILE] {
        let mut bytes = [0; 8 + FILE];
        let (device, file) = bytes.split_at_mut(8);
        device.copy_from_slice(&self.device.to_le_bytes());
        file.copy_from_slice(&self.file_bytes());
        bytes
    }

    pub(crate) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let device = bytes.u64()?;
        Self::read_file(bytes, device)
    }

    /// All but the device.
    fn write_file(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.file_bytes());
    }

    fn file_bytes(&self) -> [u8; FILE] {
        let halves = |number: u64| [number as u32, (number >> 32) as u32];
        let ([inode, inode_high], [size, size_high]) = (halves(self.inode), halves(self.size));
        let [modified, changed] = [self.modified, self.changed].map(|moment| {
            let [low, high] = halves(moment.seconds as u64);
            [low, high, moment.nanoseconds]
        });
        let file = [inode, inode_high, size, size_high];
        let mut bytes = [0; FILE];
        let words = file.into_iter().chain(modified).chain(changed);
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn read_file(bytes: &mut Reader<'_>, device: u64) -> Option<Self> {
        let moment = |bytes: &mut Reader<'_>| {
            Some(Moment { seconds: bytes.u64()? as i64, nanoseconds: bytes.u32()? })
        };
        Some(Self {
            device,
            inode: bytes.u64()?,
            size: bytes.u64()?,
            modified: moment(bytes)?,
            changed: moment(bytes)?,
        })
    }
}

/// A tick of the slowest kernel's clock is 10 ms.
const TICK: u32 = 20_000_000;
/// File systems that keep whole seconds cut off the rest.
const WHOLE: i64 = 2;
const SECOND: u32 = 1_000_000_000;

impl Moment {
    fn new(seconds: i64, nanoseconds: i64) -> Self {
        Self { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) }
    }

    /// The clock from which file systems take a file's times: it lies behind the exact
    /// one. `None` if the system has no such clock.
    pub fn now() -> Option<Self> {
        let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).ok()?;
        Some(Self::new(now.tv_sec(), now.tv_nsec()))
    }

    /// Whether it lies before `now` by more than a tick of the clock that made it.
    fn is_before(self, now: Self) -> bool {
        let then = if self.nanoseconds == 0 {
            Self { seconds: self.seconds.saturating_add(WHOLE), ..self }
        } else {
            let sum = self.nanoseconds.saturating_add(TICK);
            let carry = i64::from(sum >= SECOND);
            Self { seconds: self.seconds.saturating_add(carry), nanoseconds: sum % SECOND }
        };
        then < now
    }
}

/// The key that a file had, and whether it may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The key.
    pub key: Key,
    /// Whether the same key means the same contents: the file had last been changed a
    /// while before it was looked at, on a file system that tells.
    pub settled: bool,
}

impl Known {
    /// Whether a file with the key `now` has still the same contents for certain.
    pub fn still_holds(&self, now: &Key) -> bool {
        self.settled && self.key == *now
    }

    /// Writes what is known of a file, or that it is missing. `device` is that of the
    /// file before, which is nearly always its own.
    pub(crate) fn write_optional(known: Option<&Self>, device: &mut u64, out: &mut Writer) {
        let Some(Self { key, settled }) = known else { return out.u8(MISSING) };
        let other = key.device != *device;
        out.u8(if *settled { SETTLED } else { 0 } | if other { OTHER_DEVICE } else { 0 });
        if other {
            out.u64(key.device);
            *device = key.device;
        }
        key.write_file(out);
    }

    /// What [`Known::write_optional`] wrote, and nothing else.
    pub(crate) fn read_optional(bytes: &mut Reader<'_>, device: &mut u64) -> Option<Option<Self>> {
        let marks = bytes.u8()?;
        if marks == MISSING {
            return Some(None);
        }
        if marks & !(SETTLED | OTHER_DEVICE) != 0 {
            return None;
        }
        if marks & OTHER_DEVICE != 0 {
            *device = bytes.u64().filter(|other| other != device)?;
        }
        let key = Key::read_file(bytes, *device)?;
        Some(Some(Self { key, settled: marks & SETTLED != 0 }))
    }

    /// As [`Known::read_optional`], of a file that cannot be missing.
    pub(crate) fn read(bytes: &mut Reader<'_>, device: &mut u64) -> Option<Self> {
        Self::read_optional(bytes, device)?
    }
}

/// What stands before a key.
const SETTLED: u8 = 1;
const OTHER_DEVICE: u8 = 2;
const MISSING: u8 = 4;

/// Which keys that are taken from now on may be relied on later.
#[derive(Debug)]
pub struct Trust {
    began: Option<Moment>,
    /// Whether the file system of a device tells of every change.
    devices: Vec<(u64, bool)>,
}

impl Trust {
    /// To be made before the first file is looked at: what is changed after that has
    /// another key.
    pub fn begin() -> Self {
        Self { began: Moment::now(), devices: Vec::new() }
    }

    /// What is known of a file with `key`, which lies at `path`.
    pub fn known(&mut self, key: Key, path: &Path) -> Known {
        let settled = self.began.is_some_and(|began| key.is_settled(began));
        Known { key, settled: settled && self.tells(key.device, path) }
    }

    fn tells(&mut self, device: u64, path: &Path) -> bool {
        if let Some((_, tells)) = self.devices.iter().find(|(known, _)| *known == device) {
            return *tells;
        }
        let tells = file_system::tells_of_changes(path);
        self.devices.push((device, tells));
        tells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanoseconds: u32) -> Moment {
        Moment { seconds, nanoseconds }
    }

    #[test]
    fn a_time_is_past_after_two_ticks_or_two_seconds() {
        assert!(at(7, 1).is_before(at(7, TICK + 2)));
        assert!(!at(7, 1).is_before(at(7, TICK + 1)));
        assert!(at(7, SECOND - 1).is_before(at(8, TICK)));
        assert!(!at(7, SECOND - 1).is_before(at(8, TICK - 1)));
        // Whole seconds alone.
        assert!(!at(7, 0).is_before(at(8, SECOND - 1)));
        assert!(!at(7, 0).is_before(at(9, 0)));
        assert!(at(7, 0).is_before(at(9, 1)));
        // Of the future, and of the end of times.
        assert!(!at(8, 5).is_before(at(7, 500)));
        assert!(!at(i64::MAX, 0).is_before(at(7, 500)));
        assert!(at(i64::MIN, 1).is_before(at(7, 500)));
    }

    #[test]
    fn both_times_count() {
        let (old, now) = (at(1, 1), at(100, 1));
        let key = |modified, changed| Key { device: 1, inode: 2, size: 3, modified, changed };
        assert!(key(old, old).is_settled(now));
        assert!(!key(now, old).is_settled(now));
        assert!(!key(old, now).is_settled(now));
    }

    #[test]
    fn a_file_has_one_key_by_either_way() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "text").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let key = Key::of(&std::fs::metadata(dir.path().join("a")).unwrap());
        let open = std::fs::File::open(dir.path()).unwrap();
        assert_eq!(Key::at(&open, b"link"), Some(key));
        for (mode, everybody) in [(0o700, false), (0o754, false), (0o711, true)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            open.set_permissions(mode).unwrap();
            let whole = Key::of(&open.metadata().unwrap());
            let expected = Some((whole, FileKind::Directory { open: everybody }));
            assert_eq!(Key::and_kind_at(&open, b"."), expected);
            assert_eq!(Key::and_kind_of_open(&open), expected);
            let flags = nix::fcntl::OFlag::O_PATH;
            let path = nix::fcntl::open(dir.path(), flags, nix::sys::stat::Mode::empty()).unwrap();
            assert_eq!(Key::and_kind_of_open(path), expected);
        }
        assert_eq!(Key::at(&open, b"none"), None);
        assert_eq!(Key::at(std::fs::File::open("/dev").unwrap(), b"null"), None);
    }

    #[test]
    fn a_new_file_is_not_settled() {
        let mut trust = Trust::begin();
        let file = tempfile::NamedTempFile::new().unwrap();
        let key = Key::of(&file.as_file().metadata().unwrap());
        assert!(!trust.known(key, file.path()).settled);
    }
}
