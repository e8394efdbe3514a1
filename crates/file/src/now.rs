//! Opening a file without waiting for anybody.
//!
//! To open a named pipe is to wait for who writes into it, and a tape or a line
//! waits for its device. In a directory of modules or of configuration such a
//! thing is a mistake or a trap: it must not hold up the start of a system.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FcntlArg, OFlag, fcntl, openat};
use nix::sys::stat::Mode;

/// The longest text that is read, in bytes. A list of the kernel's build has some hundred
/// kilobytes, System.map ten megabytes; a file with holes may seem to have any size.
pub const LONGEST_TEXT: u64 = 64 << 20;

/// Opens `path` for reading (close-on-exec), at once whatever it is. A pipe
/// that somebody has open to write is waited for when it is read; one that nobody
/// has is empty.
///
/// # Errors
/// As `open`(2).
pub fn open_now(path: &Path) -> io::Result<File> {
    open_now_below(AT_FDCWD, path)
}

/// As [`open_now`]; a relative path leads from `directory`.
///
/// musl's open(2), which std calls, sets close-on-exec again: a system call more for
/// each of thousands of files.
pub(crate) fn open_now_below(directory: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    let at_once = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | at_once;
    loop {
        match openat(directory, path, flags, Mode::empty()) {
            Ok(file) => return Ok(file.into()),
            Err(Errno::EINTR) => {}
            // Somebody has a lease on the file, which is a regular one then.
            Err(Errno::EAGAIN) if flags.contains(at_once) => flags.remove(at_once),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Has reads of a pipe wait from now on for what its writer still writes.
pub(crate) fn let_wait(file: &File) -> io::Result<()> {
    fcntl(file, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(())
}

/// All bytes of a file, or of a pipe as [`open_now`] has it. A device is empty:
/// `/dev/null` is one, and others may never end.
///
/// # Errors
/// As `open`(2) and `read`(2); a directory is one, more than [`LONGEST_TEXT`] another.
pub fn read_now(path: &Path) -> io::Result<Vec<u8>> {
    read_now_with_metadata(path).map(|(bytes, _)| bytes)
}

/// As [`read_now`], with what the system said of the file when it was open.
///
/// # Errors
/// As [`read_now`].
pub fn read_now_with_metadata(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let file = open_now(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_char_device() || kind.is_block_device() {
        return Ok((Vec::new(), metadata));
    }
    if kind.is_fifo() {
        let_wait(&file)?;
    }
    Ok((read_sized(&file, metadata.len())?, metadata))
}

/// All bytes of an open file, whatever it is.
///
/// # Errors
/// As `read`(2); `EFBIG` where there are more than [`LONGEST_TEXT`].
pub fn read_text(file: &File) -> io::Result<Vec<u8>> {
    read_sized(file, file.metadata()?.len())
}

/// As [`read_text`], of a file that is expected to have `size` bytes.
fn read_sized(file: &File, size: u64) -> io::Result<Vec<u8>> {
    if size > LONGEST_TEXT {
        return Err(Errno::EFBIG.into());
    }
    let mut bytes = Vec::new();
    // One byte more tells the end without growing.
    bytes.try_reserve_exact(usize::try_from(size).unwrap_or(0).saturating_add(1))?;
    let read = file.take(LONGEST_TEXT.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > LONGEST_TEXT { Err(Errno::EFBIG.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    fn pipe(dir: &Path) -> std::path::PathBuf {
        let pipe = dir.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
        pipe
    }

    #[test]
    fn a_pipe_without_writer_is_empty_and_nobody_waits() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read_now(&pipe(dir.path())).expect("a pipe"), b"");
    }

    #[test]
    fn a_pipe_with_a_writer_is_read_to_its_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = pipe(dir.path());
        // Open for both, which waits for nobody.
        let mut file = File::options().read(true).write(true).open(&pipe).expect("a pipe");
        let writer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            file.write_all(b"late").expect("room");
        });
        assert_eq!(read_now(&pipe).expect("a pipe"), b"late");
        writer.join().expect("an end");
    }

    #[test]
    fn devices_are_empty_and_directories_an_error() {
        for device in ["/dev/null", "/dev/zero"] {
            assert_eq!(read_now(Path::new(device)).expect(device), b"");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let error = read_now(dir.path()).expect_err("a directory");
        assert_eq!(error.raw_os_error(), Some(21));
        let file = dir.path().join("file");
        fs::write(&file, "text").expect("written");
        assert_eq!(read_now(&file).expect("a file"), b"text");
        let other = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
        assert_eq!(read_now(&other).expect_err("nothing").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_too_long_is_an_error_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let file = File::create(&path).expect("made");
        file.set_len(LONGEST_TEXT).expect("a hole");
        assert_eq!(read_now(&path).expect("just so long").len() as u64, LONGEST_TEXT);
        for size in [LONGEST_TEXT + 1, 1 << 40] {
            file.set_len(size).expect("a hole");
            let error = read_now(&path).expect_err("too long");
            assert_eq!(error.raw_os_error(), Some(Errno::EFBIG as i32));
        }
        // A file that tells no size, and one that never ends.
        let zero = File::open("/dev/zero").expect("a device");
        let error = read_text(&zero).expect_err("without end");
        assert_eq!(error.raw_os_error(), Some(Errno::EFBIG as i32));
    }
}
