use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;

use nix::fcntl::AT_FDCWD;

use crate::decompress::{Output, out_of_memory};
use crate::now::{let_wait, open_now_below};
use crate::{Compression, DEFAULT_LIMIT, Error, Unpacker, kernel_may_refuse};

/// An open module file, not yet unpacked.
#[derive(Debug)]
pub struct ModuleFile {
    source: Source,
    compression: Compression,
    /// The first bytes, as they are stored: who reads in parts wants these, too.
    start: [u8; START],
    /// How many of them the file has.
    started: usize,
    metadata: Metadata,
}

/// An ELF header's size.
const START: usize = 64;

#[derive(Debug)]
enum Source {
    /// Can be read any number of times, and handed to the kernel. With its size when
    /// it was opened.
    File(File, u64),
    /// Came out of a pipe, which gives its bytes once.
    Memory(Vec<u8>),
}

impl ModuleFile {
    /// Opens the file as [`open_now`](crate::open_now) and looks at its magic bytes. A pipe
    /// is read into memory.
    ///
    /// An error if it cannot be opened or read, or has fewer than 6 bytes. A device is
    /// empty, as to [`read_now`](crate::read_now).
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_below(AT_FDCWD, path)
    }

    /// As [`ModuleFile::open`]; a relative path leads from `directory`, which is open.
    pub fn open_below(directory: impl AsFd, path: &Path) -> Result<Self, Error> {
        let mut file = open_now_below(directory.as_fd(), path)?;
        let mut start = [0; START];
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        if !kind.is_file() && (kind.is_char_device() || kind.is_block_device()) {
            return Err(Error::TooShort { size: 0 });
        }
        if kind.is_file() || file.stream_position().is_ok() {
            let found = read_start(&file, &mut start)?;
            if found < Compression::MAGIC_LENGTH {
                return Err(Error::TooShort { size: found as u64 });
            }
            let compression = Compression::of_magic(&start);
            let source = Source::File(file, metadata.len());
            return Ok(Self { source, compression, start, started: found, metadata });
        }
        let_wait(&file)?;
        let mut bytes = Vec::new();
        read_all(&mut file, (0, DEFAULT_LIMIT), &mut bytes)?;
        if bytes.len() < Compression::MAGIC_LENGTH {
            return Err(Error::TooShort { size: bytes.len() as u64 });
        }
        let compression = Compression::of_magic(&bytes);
        let source = Source::Memory(bytes);
        Ok(Self { source, compression, start, started: 0, metadata })
    }

    /// What the system said of the open file before anything was read.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// How the file is packed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The open file, to be handed to `finit_module`; `None` for one that could not
    /// seek, which is in memory.
    pub fn file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file, _) => Some(file),
            Source::Memory(_) => None,
        }
    }

    /// Whether the kernel's own decompressor may refuse the file though it is sound:
    /// [`kernel_may_refuse`] of its bytes. An error if they cannot be read.
    pub fn kernel_may_refuse(&self) -> Result<bool, Error> {
        match &self.source {
            Source::Memory(bytes) => Ok(kernel_may_refuse(bytes, self.compression)),
            Source::File(file, _) => {
                let mut packed = Vec::new();
                read_again(file, DEFAULT_LIMIT, &mut packed)?;
                Ok(kernel_may_refuse(&packed, self.compression))
            }
        }
    }

    /// Reads and unpacks all of it, up to [`DEFAULT_LIMIT`].
    pub fn contents(&self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.contents_into(&mut out)?;
        Ok(out)
    }

    /// As [`ModuleFile::contents`], into a buffer that is cleared first and keeps its
    /// capacity.
    pub fn contents_into(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        Unpacker::default().contents_into(self, out)
    }

    /// The size of a file that is not packed and can be read in parts, up to
    /// [`DEFAULT_LIMIT`].
    pub fn plain_size(&self) -> Option<u64> {
        match self.source {
            Source::File(_, size) if self.compression == Compression::Plain => {
                (size <= DEFAULT_LIMIT).then_some(size)
            }
            _ => None,
        }
    }

    /// Fills `part` from `offset` on, packed as the file is; an error too if it ends
    /// before.
    pub fn read_part(&self, offset: u64, part: &mut [u8]) -> io::Result<()> {
        let start = self.start.get(..self.started).filter(|_| offset == 0);
        if let Some(start) = start.and_then(|start| start.get(..part.len())) {
            part.copy_from_slice(start);
            return Ok(());
        }
        match &self.source {
            Source::File(file, _) => file.read_exact_at(part, offset),
            Source::Memory(bytes) => {
                let start = usize::try_from(offset).ok().and_then(|start| bytes.get(start..));
                let from = start.and_then(|rest| rest.get(..part.len()));
                part.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    /// The bytes as they are stored, into `packed`, which is cleared first; none for a
    /// file that is in memory already, which are returned. An error of a file that can be
    /// read again if they are more than `limit`.
    pub(crate) fn stored<'a>(
        &'a self,
        limit: u64,
        packed: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        match &self.source {
            Source::Memory(bytes) => Ok(bytes),
            Source::File(file, _) => {
                read_again(file, limit, packed)?;
                Ok(packed)
            }
        }
    }
}

/// Fills `start` as far as the file goes; the file's position stays.
fn read_start(file: &File, start: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while let Some(space) = start.get_mut(found..).filter(|space| !space.is_empty()) {
        match file.read_at(space, found as u64) {
            Ok(0) => break,
            Ok(count) => found = found.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Reads a file that can seek, from its start.
fn read_again(mut file: &File, limit: u64, out: &mut Vec<u8>) -> Result<(), Error> {
    out.clear();
    let size = file.metadata()?.len();
    file.rewind()?;
    read_all(&mut file, (size, limit), out)
}

/// Reads to the end of what is expected to have `size` bytes, and may have `limit`.
fn read_all(
    reader: &mut impl Read,
    (size, limit): (u64, u64),
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut output = Output::new(out, limit);
    output.allows(size)?;
    output.expect_more(size)?;
    reader.take(limit.saturating_add(1)).read_to_end(out).map_err(|error| match error.kind() {
        io::ErrorKind::OutOfMemory => out_of_memory(),
        _ => Error::Io(error),
    })?;
    Output::new(out, limit).within_limit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Packing, pack};
    use std::io::Write;
    use std::process::Command;

    #[test]
    fn name_says_nothing_magic_says_all() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("a.ko.gz");
        for (packing, compression) in [
            (Packing::Plain, Compression::Plain),
            (Packing::Gzip, Compression::Gzip),
            (Packing::Xz, Compression::Xz),
            (Packing::Zstd, Compression::Zstd),
        ] {
            std::fs::write(&path, pack(b"the bytes", packing)).expect("a scratch file");
            let file = ModuleFile::open(&path).expect("a sound file");
            assert_eq!(file.compression(), compression);
            assert!(file.file().is_some());
            assert_eq!(file.contents().expect("sound"), b"the bytes");
            assert_eq!(file.contents().expect("sound a second time"), b"the bytes");
        }
    }

    #[test]
    fn a_device_is_empty_and_nobody_waits() {
        for device in ["/dev/null", "/dev/zero", "/dev/ptmx"] {
            let error = ModuleFile::open(Path::new(device)).expect_err(device);
            assert!(matches!(error, Error::TooShort { size: 0 }), "{device}: {error}");
        }
    }

    #[test]
    fn fewer_than_six_bytes_are_no_module() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("a.ko");
        std::fs::write(&path, b"12345").expect("a scratch file");
        let error = ModuleFile::open(&path).expect_err("too short");
        assert!(matches!(error, Error::TooShort { size: 5 }));
        assert_eq!(error.raw_os_error(), 22);
        std::fs::write(&path, b"123456").expect("a scratch file");
        assert!(ModuleFile::open(&path).is_ok());
    }

    #[test]
    fn parts_are_read_where_they_are() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("a.ko");
        std::fs::write(&path, b"the bytes").expect("a scratch file");
        let file = ModuleFile::open(&path).expect("a sound file");
        assert_eq!(file.plain_size(), Some(9));
        let mut part = [0; 5];
        file.read_part(4, &mut part).expect("five bytes");
        assert_eq!(&part, b"bytes");
        file.read_part(0, &mut part).expect("five bytes");
        assert_eq!(&part, b"the b");
        assert!(file.read_part(0, &mut [0; 10]).is_err());
        assert!(file.read_part(5, &mut part).is_err());
        assert!(file.read_part(u64::MAX, &mut part).is_err());
        std::fs::write(&path, pack(b"the bytes", Packing::Zstd)).expect("a scratch file");
        assert_eq!(ModuleFile::open(&path).expect("a sound file").plain_size(), None);
    }

    #[test]
    fn absent_file_and_directory_keep_the_systems_words() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let absent = ModuleFile::open(&directory.path().join("a")).expect_err("absent");
        assert_eq!(absent.raw_os_error(), 2);
        assert_eq!(ModuleFile::open(directory.path()).expect_err("a directory").raw_os_error(), 21);
    }

    #[test]
    fn pipe_is_read_into_memory() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
        let waits = ModuleFile::open(&pipe).expect_err("nobody writes");
        assert!(matches!(waits, Error::TooShort { size: 0 }));
        // Open for both, which waits for nobody; its end is the pipe's.
        let mut writer = File::options().read(true).write(true).open(&pipe).expect("a pipe");
        writer.write_all(&pack(b"the bytes", Packing::Xz)).expect("room");
        let late = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(writer);
        });
        let file = ModuleFile::open(&pipe).expect("a sound file");
        late.join().expect("it ends");
        assert!(file.file().is_none());
        assert_eq!(file.compression(), Compression::Xz);
        assert_eq!(file.contents().expect("sound"), b"the bytes");
        assert_eq!(file.contents().expect("sound a second time"), b"the bytes");
    }

    #[test]
    fn a_file_that_shrinks_or_grows_after_it_was_opened_is_read_as_it_is() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("a.ko");
        for packing in [Packing::Plain, Packing::Xz] {
            std::fs::write(&path, pack(&[7; 10_000], packing)).expect("a scratch file");
            let file = ModuleFile::open(&path).expect("a sound file");
            let writer = File::options().write(true).open(&path).expect("the file");
            for size in [10, 0] {
                writer.set_len(size).expect("room");
                let contents = file.contents();
                match packing {
                    Packing::Plain => assert_eq!(contents.expect("read").len() as u64, size),
                    _ => assert!(contents.is_err(), "{size}"),
                }
                let mut part = [0; 100];
                assert!(file.read_part(5, &mut part).is_err(), "{size}");
                assert!(file.read_part(9_990, &mut part).is_err(), "{size}");
            }
            writer.set_len(50_000).expect("room");
            let contents = file.contents();
            assert_eq!(contents.is_ok(), matches!(packing, Packing::Plain));
        }
    }
}
