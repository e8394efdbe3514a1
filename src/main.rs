//! The edge of the process, and the map of the house.
//!
//! A command's path:
//!
//! ```text
//! main.rs        descriptors, argv, exit status              (this file)
//! lib.rs         run(): who is called, standard streams, the last flush
//! tools.rs       the table: name, one line, definition, function
//! cli.rs         argv by the table of options, as getopt_long(3) reads it
//! host.rs        where the world is: kernel, directories, streams
//! report.rs      `tool: LEVEL: text`; the C library's words: crates/file
//! output.rs      standard output, as long as somebody reads it
//! memory.rs      copying and comparing bytes, in place of musl's
//! heap.rs        the first memory, in place of musl's allocator
//! unwind.rs      no unwinder, in place of libunwind
//! tools/X.rs     one command: definition -> Options -> run -> render
//!    |
//!    |  beside the tools, for C programs:
//!    +- crates/libkmod  libkmod.so.2, on crates/probe
//!    |
//!    |  what is wrong with a tree
//!    +- crates/check    root, release -> findings         (kmod check)
//!    |
//!    |  what would happen, and why; what tools tell programs
//!    +- crates/explain  name -> account, text             (kmod explain)
//!    +- crates/json     facts -> JSON Lines               (--json)
//!    |
//!    |  why it did not happen
//!    +- crates/why      module file, kernel -> causes     (modprobe, insmod)
//!    |
//!    |  engines: what should happen
//!    +- crates/probe    names -> Plan -> kernel calls     (modprobe, insmod, modinfo)
//!    +- crates/command  a line's command -> a shell       (install, remove)
//!    +- crates/depmod   tree of modules -> database       (depmod)
//!         |
//!         |  formats: the files
//!         +- crates/index    modules.*.bin, .dep, .builtin.modinfo
//!         +- crates/config   modprobe.d, depmod.d, kernel command line
//!         +- crates/cache    what the last run saw of a tree
//!              |
//!              |  leaves: know nobody
//!              +- crates/name     ModuleName, glob patterns
//!              +- crates/elf      bytes of a module -> facts
//!              +- crates/file     path -> decompressed bytes
//!              +- crates/kernel   the running kernel
//! ```
//!
//! Arrows point downwards only; `tests/tidy.rs` holds that. `crates/xtask` has
//! the project's own commands.
//!
//! There is no `fn main`: Rust's own start-up opens `/dev/null` on descriptors
//! that are closed and aborts when there is no such file. The kernel calls
//! modprobe with all three closed, also when the root has no `/dev` yet. So the
//! C library calls us directly.
#![no_main]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Where the C library starts the program.
///
/// # Safety
/// `argv` holds `argc` pointers to NUL-terminated strings that live as long as
/// the process (C standard, 5.1.2.2.1).
#[allow(unsafe_code)] // island: the process entry
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    let closed = fill_standard_descriptors();
    // SAFETY: the caller is the C library, which keeps the contract above; each
    // string is copied here.
    let arguments = (0..usize::try_from(argc).unwrap_or(0)).map(|i| unsafe {
        let text = CStr::from_ptr(*argv.add(i));
        OsStr::from_bytes(text.to_bytes()).to_os_string()
    });
    c_int::from(komod::run(arguments.collect::<Vec<OsString>>(), closed))
}

/// Puts something harmless on each of the descriptors 0, 1 and 2 that is
/// closed, so that no file opened later can land there and be written over.
/// Returns whether standard error was closed.
///
/// Where there is no `/dev/null`, the root directory serves: opened by path
/// only, reading and writing it fail.
fn fill_standard_descriptors() -> bool {
    let mut stderr_closed = false;
    let null = || open("/dev/null", OFlag::O_RDWR, Mode::empty());
    let root = |_| open("/", OFlag::O_PATH, Mode::empty());
    while let Ok(fd) = null().or_else(root) {
        if fd.as_raw_fd() > 2 {
            break;
        }
        stderr_closed |= fd.into_raw_fd() == 2;
    }
    stderr_closed
}
