//! The walls of the box: what a forked child does to itself before it becomes the
//! program. One of the two unsafe islands of the tests.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{chdir, chroot};

use crate::seccomp::{self, Filter};

/// Everything the child needs, allocated before the fork.
#[derive(Debug)]
pub struct Walls {
    /// The new root.
    pub root: CString,
    /// Bind mounts: source, place below the root (full path), read-only.
    pub binds: Vec<(CString, CString, bool)>,
    /// Descriptors among 0..=2 that the program finds closed.
    pub closed: Vec<i32>,
    /// The program gets no capabilities.
    pub powerless: bool,
    /// SIGPIPE is ignored.
    pub without_sigpipe: bool,
    /// The calls that are faked.
    pub filter: Filter,
    /// Where the descriptor that answers the faked calls is sent.
    pub listener: OwnedFd,
    /// `uid_map` and `gid_map` of a user namespace; `None` for root, who needs none.
    pub maps: Option<(String, String)>,
}

/// Makes `command` start inside these walls.
pub fn confine(command: &mut Command, mut walls: Walls) {
    // SAFETY: the closure runs in the forked child, which has one thread and the
    // parent's memory; it makes system calls on what was prepared here, and
    // touches no lock that another thread of the parent could have held.
    unsafe {
        command.pre_exec(move || enter(&mut walls));
    }
}

fn enter(walls: &mut Walls) -> io::Result<()> {
    match &walls.maps {
        None => unshare(CloneFlags::CLONE_NEWNS)?,
        Some((uids, gids)) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
            std::fs::write("/proc/self/setgroups", "deny")?;
            std::fs::write("/proc/self/uid_map", uids)?;
            std::fs::write("/proc/self/gid_map", gids)?;
        }
    }
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    for (from, to, read_only) in &walls.binds {
        let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(from.as_c_str()), to.as_c_str(), none, bind, none)?;
        if *read_only {
            let remount = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            // A user namespace may not drop flags that the mount came with: then it
            // stays as it was, which protects no less than its owner does.
            let _ = mount(none, to.as_c_str(), none, remount, none);
        }
    }
    chroot(walls.root.as_c_str())?;
    chdir("/")?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    if walls.powerless {
        no_root_powers()?;
    }
    if walls.without_sigpipe {
        // SAFETY: no handler is installed, and none was.
        unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn)? };
    }
    for fd in &walls.closed {
        // SAFETY: closes a number among 0..=2 in this child alone, whose Rust
        // handles of them are never used again: exec follows.
        unsafe { nix::libc::close(*fd) };
    }
    seccomp::listen(&mut walls.filter, walls.listener.as_fd())
}

/// `SECBIT_NOROOT` and its lock: user 0 is nobody special after exec.
fn no_root_powers() -> io::Result<()> {
    const NOROOT_LOCKED: nix::libc::c_ulong = 3;
    // SAFETY: prctl with PR_SET_SECUREBITS reads its numbers and no memory.
    let failed = unsafe { nix::libc::prctl(nix::libc::PR_SET_SECUREBITS, NOROOT_LOCKED, 0, 0, 0) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
