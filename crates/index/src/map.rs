//! An island of unsafe code: the read-only map of one file.
//!
//! A file that shrinks while it is mapped kills who reads on (SIGBUS). So the map
//! is held under a read lease (`F_SETLEASE` of `fcntl`(2)): the kernel has everybody
//! wait who opens the file to write or cuts it off, until the lease is given back,
//! or for `/proc/sys/fs/lease-break-time` (45 s). It grants none for a file that is
//! open for writing. Where there is no lease, or none that would help
//! ([`leases::are_kept_for`]), as for a file of somebody else or below an overlay, the
//! bytes are copied. A disk that does not answer when a page is wanted still kills who
//! reads, as it does with kmod.
#![allow(unsafe_code)]

use crate::{Error, leases};
use nix::libc;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Bytes of an index: those of a file, in place, or a copy.
pub(crate) enum Bytes {
    Mapped {
        map: memmap2::Mmap,
        /// Open as long as the map: with it goes the lease.
        _lease: File,
    },
    Owned(Vec<u8>),
}

impl Bytes {
    /// The regular file `path` as it is now: mapped where nobody can write it
    /// meanwhile.
    pub(crate) fn map(path: &Path) -> Result<Self, Error> {
        let file = open(path)?;
        if !(leases::are_kept_for(&file) && lease(&file)) {
            return copy(&file);
        }
        let length = usize::try_from(size(&file)?).unwrap_or(usize::MAX);
        // SAFETY: under the lease nobody writes or cuts off the file; depmod replaces
        // it by rename, which leaves the map alone. A lease that was taken away, or
        // came to an end with this process stopped, leaves bytes of any value, and the
        // map is handed out as nothing else.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(&file) }?;
        Ok(Self::Mapped { map, _lease: file })
    }

    /// A copy of the regular file `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        copy(&open(path)?)
    }
}

fn open(path: &Path) -> Result<File, Error> {
    // Asked before the file is opened: opening a pipe waits for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(Error::NotRegular);
    }
    Ok(File::open(path)?)
}

/// Bytes of the file: as many as a header has, at least. The kernel maps none.
fn size(file: &File) -> Result<u64, Error> {
    match file.metadata()?.len() {
        size if size < crate::node::HEADER => Err(Error::TooShort { size }),
        size if size > crate::node::LARGEST => Err(Error::TooLong { size }),
        size => Ok(size),
    }
}

fn copy(file: &File) -> Result<Bytes, Error> {
    let size = size(file)?;
    let mut bytes = Vec::new();
    let room = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1);
    bytes.try_reserve_exact(room).map_err(std::io::Error::from)?;
    // What grows meanwhile was not the file that was opened.
    let mut reader = file.take(size);
    reader.read_to_end(&mut bytes)?;
    Ok(Bytes::Owned(bytes))
}

/// Whether a read lease on the file was granted. Who would break it is told of by
/// SIGURG, which nobody notices: SIGIO, the usual signal, ends a process.
fn lease(file: &File) -> bool {
    let fd = file.as_raw_fd();
    // SAFETY: both take a number and touch no memory; the descriptor is open.
    unsafe {
        libc::fcntl(fd, F_SETSIG, libc::SIGURG) == 0
            && libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) == 0
    }
}

/// `include/uapi/asm-generic/fcntl.h`; the same on every architecture.
const F_SETSIG: libc::c_int = 10;

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped { map, .. } => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;

    #[test]
    fn the_map_ends_where_the_file_does_and_outlives_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        for size in [12_usize, 4095, 4096, 4097, 70_000] {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            fs::write(&path, &bytes).unwrap();
            let map = Bytes::map(&path).unwrap();
            fs::remove_file(&path).unwrap();
            assert!(*map == *bytes, "{size}");
        }
        fs::write(&path, [7; 100]).unwrap();
        assert!(*Bytes::read(&path).unwrap() == [7; 100]);
        fs::write(&path, "too short").unwrap();
        assert!(matches!(Bytes::map(&path), Err(Error::TooShort { size: 9 })));
        assert!(matches!(Bytes::map(dir.path()), Err(Error::NotRegular)));
        let large = File::create(&path).unwrap();
        large.set_len(1 << 40).unwrap();
        for read in [Bytes::map, Bytes::read] {
            assert!(matches!(read(&path), Err(Error::TooLong { size: 0x100_0000_0000 })));
        }
    }

    #[test]
    fn nobody_cuts_off_a_file_that_is_mapped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        fs::write(&path, [1; 10_000]).unwrap();
        let cut = || {
            let mut options = File::options();
            options.write(true).truncate(true).custom_flags(libc::O_NONBLOCK);
            options.open(&path).map(drop)
        };
        let bytes = Bytes::map(&path).unwrap();
        if matches!(bytes, Bytes::Mapped { .. }) {
            assert_eq!(cut().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            assert!(*bytes == [1; 10_000]);
            drop(bytes);
        } else {
            // No leases on this file system: a copy, which nothing harms.
            cut().unwrap();
            assert!(*bytes == [1; 10_000]);
        }
        cut().unwrap();
        // Open for writing: no lease.
        let _writer = File::options().write(true).open(&path).unwrap();
        fs::write(&path, [2; 100]).unwrap();
        assert!(matches!(Bytes::map(&path).unwrap(), Bytes::Owned(copy) if copy == [2; 100]));
    }
}
