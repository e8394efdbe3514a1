//! What ptrace(2) sees of a run: system calls, and memory at its end.
//!
//! The peak that wait4(2) tells would be that of this program, when it is
//! larger: exec keeps it. What the kernel tells of the process just before it
//! is gone is the program's own. The unsafe island of the project's commands.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, chdir, chroot};

use crate::bench::run::Null;
use crate::outcome::Stop;

/// What was seen of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traced {
    /// System calls of its first thread, from the first instruction of the
    /// program on.
    pub calls: u64,
    /// The most memory it had, in bytes.
    pub peak: u64,
}

/// Runs a command in `root`, its output thrown away, and watches it.
///
/// Error if it cannot be started, cannot be watched, or fails.
pub fn traced(command: &mut Command, root: &Path, null: &Null) -> Result<Traced, Stop> {
    null.streams(command)?;
    let root = CString::new(root.as_os_str().as_bytes()).map_err(|_| failed(Errno::EINVAL))?;
    // SAFETY: the closure runs in the forked child, which has one thread and the
    // parent's memory; it makes system calls on what was prepared here, and
    // touches no lock that another thread of the parent could have held.
    unsafe {
        command.pre_exec(move || {
            chroot(root.as_c_str())?;
            chdir("/")?;
            ptrace::traceme().map_err(io::Error::from)
        });
    }
    let child = command.spawn().map_err(Stop::io("the program"))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    // It is ours to wait for: `child` is only a number from here on.
    watch(pid).map_err(failed)?.ok_or_else(|| {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        Stop::Failed(format!("{}: it failed while it was watched", words.join(" ")))
    })
}

fn failed(errno: Errno) -> Stop {
    Stop::Failed(format!("ptrace: {errno}"))
}

/// Follows the process to its end; `None` if that was not a good one.
fn watch(pid: Pid) -> Result<Option<Traced>, Errno> {
    // It stops when it has become the program.
    if !matches!(waitpid(pid, None)?, WaitStatus::Stopped(_, Signal::SIGTRAP)) {
        return Ok(None);
    }
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACEEXIT;
    ptrace::setoptions(pid, options | Options::PTRACE_O_EXITKILL)?;
    let (mut stops, mut peak) = (0_u64, None);
    let mut signal = None;
    loop {
        ptrace::syscall(pid, signal.take())?;
        match waitpid(pid, None)? {
            WaitStatus::PtraceSyscall(_) => stops += 1,
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXIT) => peak = peak_of(pid),
            WaitStatus::Stopped(_, other) => signal = Some(other),
            WaitStatus::Exited(_, 0) => {
                // A call stops it at its beginning and its end; exit has no end.
                let calls = stops.div_ceil(2);
                return Ok(peak.map(|peak| Traced { calls, peak }));
            }
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return Ok(None),
            _ => {}
        }
    }
}

/// `VmHWM` of /proc/PID/status, in bytes.
fn peak_of(pid: Pid) -> Option<u64> {
    peak_in(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_what_proc_says() {
        let status = "Name:\tx\nVmPeak:\t    9999 kB\nVmHWM:\t     540 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_in(status), Some(540 * 1024));
        assert_eq!(peak_in("Name:\tx\n"), None);
        assert_eq!(peak_in("VmHWM:\tmuch\n"), None);
    }

    #[test]
    fn calls_and_memory_of_a_program_are_its_own() {
        // Only root may change the root of a child.
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let ballast = vec![1_u8; 64 << 20];
        let null = Null::open().unwrap();
        let see = |words: &[&str]| {
            traced(Command::new("/bin/dd").args(words), Path::new("/"), &null).unwrap()
        };
        let few = see(&["if=/dev/zero", "of=/dev/null", "bs=1", "count=10"]);
        let many = see(&["if=/dev/zero", "of=/dev/null", "bs=1", "count=110"]);
        // A read and a write for each.
        assert_eq!(many.calls - few.calls, 200);
        assert!((1 << 19..32 << 20).contains(&few.peak), "{few:?} beside {}", ballast.len());
        assert!(traced(&mut Command::new("/bin/false"), Path::new("/"), &null).is_err());
    }
}
