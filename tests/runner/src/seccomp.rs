//! The window of the box: four system calls of the program are put to us, and get
//! our answer. Whatever way a program enters the kernel, it is seen: no library
//! function is replaced. One of the two unsafe islands of the tests.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// The calls that are put to us.
const ASKED: [libc::c_long; 4] =
    [libc::SYS_uname, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module];

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

/// Puts the calling process under the filter; returns where its calls arrive.
/// Runs between fork and exec: allocates nothing.
pub fn listen() -> io::Result<OwnedFd> {
    let load = |at: u32| filter(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at);
    let equal = |value: u32, then: u8, otherwise: u8| {
        filter(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, then, otherwise, value)
    };
    let answer = |value: u32| filter(libc::BPF_RET | libc::BPF_K, 0, 0, value);
    let number = |call: libc::c_long| call as u32;
    let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut program = [
        load(4), // seccomp_data.arch: another ABI's numbers would pass unseen
        equal(ARCH, 1, 0),
        answer(no_such_call),
        load(0), // seccomp_data.nr
        // x32 calls, likewise
        filter(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, 0x4000_0000),
        answer(no_such_call),
        equal(number(ASKED[0]), 4, 0),
        equal(number(ASKED[1]), 3, 0),
        equal(number(ASKED[2]), 2, 0),
        equal(number(ASKED[3]), 1, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_USER_NOTIF),
    ];
    let program =
        libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs()?;
    // SAFETY: `program` points to an array that outlives the call; the kernel
    // copies it. The result is checked before it is taken for a descriptor.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
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
    let mut response = libc::seccomp_notif_resp { id, val, error, flags: 0 };
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
