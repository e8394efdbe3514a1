//! The window of the box: some system calls of the program are put to us, and get
//! our answer. Whatever way a program enters the kernel, it is seen: no library
//! function is replaced. One of the two unsafe islands of the tests.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;

nix::ioctl_readwrite!(receive_ioctl, b'!', 0, libc::seccomp_notif);
nix::ioctl_readwrite!(send_ioctl, b'!', 1, libc::seccomp_notif_resp);

/// One call that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The kernel's ticket.
    pub id: u64,
    /// The thread that calls.
    pub pid: u32,
    /// The system call's number.
    pub number: libc::c_long,
    /// Its arguments.
    pub args: [u64; 6],
}

/// Which calls are put to us: a program for the kernel.
#[derive(Debug, Clone)]
pub struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// Asks about these calls, at most 200, by their numbers; all others pass. Calls
    /// of another ABI fail: they would pass unseen.
    pub fn of(calls: &[libc::c_long]) -> Self {
        Self::that(libc::SECCOMP_RET_USER_NOTIF, calls)
    }

    /// These calls end with 0 and do nothing; all others as in [`Filter::of`].
    pub fn granting(calls: &[libc::c_long]) -> Self {
        Self::that(libc::SECCOMP_RET_ERRNO, calls)
    }

    fn that(does: u32, calls: &[libc::c_long]) -> Self {
        let load = |at: u32| filter(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at);
        let equal = |value: u32, then: u8, otherwise: u8| {
            filter(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, then, otherwise, value)
        };
        let answer = |value: u32| filter(libc::BPF_RET | libc::BPF_K, 0, 0, value);
        let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
        let mut program = vec![
            load(4), // seccomp_data.arch
            equal(ARCH, 1, 0),
            answer(no_such_call),
            load(0), // seccomp_data.nr
            // x32 calls
            filter(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, 0x4000_0000),
            answer(no_such_call),
        ];
        let calls = calls.get(..calls.len().min(200)).unwrap_or_default();
        for (at, call) in calls.iter().enumerate() {
            let to_the_end = (calls.len() - at) as u8;
            program.push(equal(*call as u32, to_the_end, 0));
        }
        program.push(answer(libc::SECCOMP_RET_ALLOW));
        program.push(answer(does));
        Self(program)
    }
}

/// Puts the calling process under the filter and sends the descriptor where its
/// calls arrive through `socket`. Runs between fork and exec: allocates nothing.
pub fn listen(filter: &mut Filter, socket: BorrowedFd<'_>) -> io::Result<()> {
    let fd = install(filter, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
    let notify = unsafe { OwnedFd::from_raw_fd(fd) };
    let fds = [notify.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&fds)];
    let byte = [io::IoSlice::new(b"x")];
    sendmsg::<()>(socket.as_raw_fd(), &byte, &message, MsgFlags::empty(), None)?;
    Ok(())
}

/// Puts the calling process under the filter, and gives what the kernel answered. As
/// [`listen`], allocates nothing.
fn install(filter: &mut Filter, flags: libc::c_ulong) -> io::Result<libc::c_long> {
    let program =
        libc::sock_fprog { len: filter.0.len() as libc::c_ushort, filter: filter.0.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs()?;
    // SAFETY: `program` points to an array that outlives the call; the kernel
    // copies it.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    Ok(Errno::result(answer)?)
}

/// Makes `command` start under a filter that has nobody listening.
pub fn confine(command: &mut Command, mut filter: Filter) {
    // SAFETY: as in `watch`.
    unsafe {
        command.pre_exec(move || install(&mut filter, 0).map(drop));
    }
}

/// Makes `command` start under the filter; the socket is for [`receive_listener`],
/// after the command, with the other end in it, is dropped.
///
/// # Errors
/// When no sockets are to be had.
pub fn watch(command: &mut Command, mut filter: Filter) -> io::Result<OwnedFd> {
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: the closure runs in the forked child, which has one thread and the
    // parent's memory; it makes system calls on what was prepared here, and
    // touches no lock that another thread of the parent could have held.
    unsafe {
        command.pre_exec(move || listen(&mut filter, theirs.as_fd()));
    }
    Ok(ours)
}

/// The next call. `Ok(None)` when the caller died before we looked.
///
/// # Errors
/// What the kernel says.
pub fn receive(listener: BorrowedFd<'_>) -> io::Result<Option<Asked>> {
    // SAFETY: all-zero is a value of this plain struct, and what the kernel wants.
    let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills one struct of the size that the ioctl's number says.
    match unsafe { receive_ioctl(listener.as_raw_fd(), &raw mut asked) } {
        Ok(_) => Ok(Some(Asked {
            id: asked.id,
            pid: asked.pid,
            number: asked.data.nr.into(),
            args: asked.data.args,
        })),
        Err(Errno::ENOENT | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Answers a call. A caller that died meanwhile is no error.
///
/// # Errors
/// What the kernel says.
pub fn answer(listener: BorrowedFd<'_>, id: u64, verdict: Result<i64, Errno>) -> io::Result<()> {
    let (val, error) = match verdict {
        Ok(value) => (value, 0),
        Err(errno) => (0, -(errno as i32)),
    };
    respond(listener, libc::seccomp_notif_resp { id, val, error, flags: 0 })
}

/// Has the kernel do what was asked. A caller that died meanwhile is no error.
///
/// # Errors
/// What the kernel says.
pub fn pass(listener: BorrowedFd<'_>, id: u64) -> io::Result<()> {
    let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    respond(listener, libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
}

fn respond(listener: BorrowedFd<'_>, mut response: libc::seccomp_notif_resp) -> io::Result<()> {
    // SAFETY: the kernel reads one struct of the size that the ioctl's number says.
    match unsafe { send_ioctl(listener.as_raw_fd(), &raw mut response) } {
        Ok(_) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn filter(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// The descriptor that the child sent through `socket`.
///
/// # Errors
/// When the child ended without sending one.
pub fn receive_listener(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut parts = [io::IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        let ControlMessageOwned::ScmRights(fds) = control else {
            continue;
        };
        if let Some(fd) = fds.first() {
            // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(*fd) });
        }
    }
    Err(io::Error::other("the child sent no listener"))
}

/// A descriptor that becomes readable when the process ends.
///
/// # Errors
/// What `pidfd_open`(2) says.
pub fn end_of(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two numbers and no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
    // SAFETY: as in `listen`.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
