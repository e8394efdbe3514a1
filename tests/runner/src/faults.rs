//! A program that changes files, and is failed by the file system at one call, or
//! killed there.

use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Trouble;
use crate::seccomp::{self, Asked, Filter};

/// A program that runs longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The calls by which files change, as libc names them.
const CHANGES: &[(libc::c_long, &str)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, "open"),
    (libc::SYS_openat, "open"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, "open"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "write"),
    (libc::SYS_pwrite64, "write"),
    (libc::SYS_copy_file_range, "write"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fsync"),
    (libc::SYS_flock, "flock"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_link, "link"),
    (libc::SYS_linkat, "link"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "rename"),
    (libc::SYS_renameat2, "rename"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mkdirat, "mkdir"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlink"),
];

/// The calls by which directories are listed, and files are looked at and read.
const LOOKS: &[(libc::c_long, &str)] = &[
    (libc::SYS_getdents64, "getdents"),
    (libc::SYS_read, "read"),
    (libc::SYS_pread64, "pread"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, "open"),
    (libc::SYS_openat, "open"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_stat, "stat"),
    (libc::SYS_newfstatat, "stat"),
    (libc::SYS_statx, "stat"),
];

/// Which calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Those that change files: opening to write, writing to others than the
    /// standard descriptors, and so on.
    Changes,
    /// Those that list directories, and open, look at and read files: not those that open
    /// to write.
    Looks,
}

impl Calls {
    fn all(self) -> &'static [(libc::c_long, &'static str)] {
        match self {
            Self::Changes => CHANGES,
            Self::Looks => LOOKS,
        }
    }
}

/// What befalls the program at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The call does nothing and fails so.
    Fails(Errno),
    /// SIGKILL, before the call does anything.
    Kills,
}

/// What became of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` if it was killed.
    pub status: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Its calls that count, in order; the one that the blow fell on is among them.
    pub calls: Vec<&'static str>,
}

/// Runs `command` without input and output; the blow falls on its call of this
/// number, counted from 0 in [`Ended::calls`].
///
/// # Errors
/// A program that cannot be started or does not end, a kernel that refuses.
pub fn run(
    mut command: Command,
    counting: Calls,
    blow: Option<(usize, Blow)>,
) -> Result<Ended, Trouble> {
    let here = |error: io::Error| Trouble(format!("a run with faults: {error}"));
    let mut stderr = tempfile::tempfile().map_err(here)?;
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::from(stderr.try_clone().map_err(here)?));
    let numbers: Vec<libc::c_long> = counting.all().iter().map(|(number, _)| *number).collect();
    let socket = seccomp::watch(&mut command, Filter::of(&numbers)).map_err(here)?;
    let mut child = command.spawn().map_err(here)?;
    drop(command);
    let listener = seccomp::receive_listener(socket.as_fd()).map_err(here)?;
    let end = seccomp::end_of(child.id()).map_err(here)?;
    let deadline = Instant::now() + PATIENCE;
    let mut calls = Vec::new();
    let status = loop {
        let wait = PollTimeout::try_from(Duration::from_millis(500)).unwrap_or(PollTimeout::ZERO);
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(end.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, wait) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(here(errno.into())),
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|e| e.contains(PollFlags::POLLIN));
        if ready(&fds[0]) {
            let Some(asked) = seccomp::receive(listener.as_fd()).map_err(here)? else { continue };
            let now = counts(counting, &asked).and_then(|name| {
                calls.push(name);
                blow.filter(|(at, _)| at + 1 == calls.len())
            });
            if let Some((_, Blow::Kills)) = now {
                child.kill().map_err(here)?;
                continue;
            }
            answer(listener.as_fd(), &asked, now.map(|(_, blow)| blow)).map_err(here)?;
        } else if ready(&fds[1]) {
            break child.wait().map_err(here)?;
        } else if Instant::now() > deadline {
            child.kill().map_err(here)?;
            child.wait().map_err(here)?;
            return Err(Trouble("a run with faults does not end".into()));
        }
    };
    let mut text = String::new();
    stderr.rewind().and_then(|()| stderr.read_to_string(&mut text)).map_err(here)?;
    Ok(Ended { status: status.code(), stderr: text, calls })
}

fn answer(listener: BorrowedFd<'_>, asked: &Asked, blow: Option<Blow>) -> io::Result<()> {
    match blow {
        Some(Blow::Fails(errno)) => seccomp::answer(listener, asked.id, Err(errno)),
        _ => seccomp::pass(listener, asked.id),
    }
}

/// The call's name, if it counts.
fn counts(counting: Calls, asked: &Asked) -> Option<&'static str> {
    let name = counting.all().iter().find(|(number, _)| *number == asked.number)?.1;
    let args = asked.args;
    let writes = |flags: u64| {
        let flags = flags as libc::c_int;
        flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_CREAT != 0
    };
    let to_write = counting == Calls::Changes;
    let counts = match asked.number {
        libc::SYS_openat => writes(args[2]) == to_write,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => writes(args[1]) == to_write,
        libc::SYS_write | libc::SYS_writev => args[0] > 2,
        _ => true,
    };
    counts.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn only_changes_count_and_one_of_them_fails() {
        let scratch = tempfile::tempdir().unwrap();
        let script = "echo out; read x </dev/null; cd \"$0\"; echo a >a; rm a";
        let with = |blow| {
            let mut command = shell(script);
            command.arg(scratch.path());
            let _ = std::fs::remove_file(scratch.path().join("a"));
            run(command, Calls::Changes, blow).unwrap()
        };
        let whole = with(None);
        assert_eq!(whole.status, Some(0));
        let at = whole.calls.iter().position(|call| *call == "unlink").unwrap();
        assert_eq!(whole.calls[..at], ["open"]);
        let failed = with(Some((at, Blow::Fails(Errno::EIO))));
        assert_eq!((failed.status, failed.calls), (Some(1), whole.calls.clone()));
        assert!(failed.stderr.contains("nput/output error"), "{}", failed.stderr);
        let killed = with(Some((at - 1, Blow::Kills)));
        assert_eq!((killed.status, killed.calls.len()), (None, at));
        assert!(!scratch.path().join("a").exists());
    }
}
