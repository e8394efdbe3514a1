//! The running kernel.
//!
//! [`Kernel`] is the one door to it: the three module system calls, and what
//! `/proc` and `/sys` tell about loaded modules. [`Live`] talks to the
//! machine; [`Recorder`] is the test double that writes down each call and
//! refuses with any errno. Knows no module file's format: a caller says which
//! flags a file needs.
#![cfg_attr(test, allow(clippy::restriction))]

mod live;
mod recorder;

use std::ffi::{CStr, OsString};
use std::io;
use std::os::fd::BorrowedFd;

pub use live::Live;
pub use nix::errno::Errno;
pub use recorder::{Call, Recorder};

/// Flags of `finit_module`(2), as the kernel numbers them
/// (`include/uapi/linux/module.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InitFlags {
    /// Load although the CRCs of symbols differ or are missing (1).
    pub ignore_modversions: bool,
    /// Load although vermagic differs or is missing (2).
    pub ignore_vermagic: bool,
    /// The file is compressed with the kernel's algorithm (4).
    pub compressed_file: bool,
}

impl InitFlags {
    /// The number that goes to the kernel.
    pub fn bits(self) -> u32 {
        u32::from(self.ignore_modversions)
            | u32::from(self.ignore_vermagic) << 1
            | u32::from(self.compressed_file) << 2
    }
}

/// What a module is doing, as `/sys/module/NAME/initstate` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitState {
    /// In the kernel and running.
    Live,
    /// Being loaded: its init has not returned yet. Code that is built in and
    /// has parameters looks like this too: it has a directory and no
    /// `initstate`.
    Coming,
    /// Being removed.
    Going,
}

/// One line of `/proc/modules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModule {
    /// The name, as the kernel spells it.
    pub name: Vec<u8>,
    /// The second field: memory held, in bytes.
    pub size: u64,
    /// The third field: references held; `None` on a kernel that cannot
    /// unload (`-`).
    pub refcnt: Option<i64>,
    /// The fourth field: who uses it, in the kernel's order; empty when
    /// nobody does. Pseudo entries such as `[permanent]` are left out.
    pub holders: Vec<Vec<u8>>,
}

/// The door to the running kernel.
///
/// Every operation answers for the moment it is asked: modules come and go.
pub trait Kernel {
    /// The kernel's release, as `uname -r` prints it.
    ///
    /// # Errors
    /// When `uname`(2) fails.
    fn release(&self) -> io::Result<OsString>;

    /// The algorithm that the kernel decompresses module files with (`gzip`,
    /// `xz` or `zstd`), from `/sys/module/compression`. `None` when the kernel
    /// does not decompress modules, or does not say.
    fn compression(&self) -> Option<Vec<u8>>;

    /// Loads the module in the open `file`, with `params` as its parameters:
    /// `finit_module`(2).
    ///
    /// # Errors
    /// The kernel's errno; what each means stands in `init_module`(2).
    fn finit_module(
        &self,
        file: BorrowedFd<'_>,
        params: &CStr,
        flags: InitFlags,
    ) -> Result<(), Errno>;

    /// Loads the module whose plain ELF image is `image`: `init_module`(2).
    ///
    /// # Errors
    /// The kernel's errno.
    fn init_module(&self, image: &[u8], params: &CStr) -> Result<(), Errno>;

    /// Removes the module called `name`: `delete_module`(2), never waiting
    /// (`O_NONBLOCK`), with `O_TRUNC` when `force`.
    ///
    /// # Errors
    /// The kernel's errno.
    fn delete_module(&self, name: &CStr, force: bool) -> Result<(), Errno>;

    /// The loaded modules, in the kernel's order: `/proc/modules`.
    ///
    /// # Errors
    /// When `/proc/modules` cannot be read.
    fn loaded(&self) -> io::Result<Vec<LoadedModule>>;

    /// What the module called `name` is doing. `Ok(None)` when the kernel has
    /// no such module.
    ///
    /// # Errors
    /// When the file cannot be read, or says something that is no state
    /// ([`io::ErrorKind::InvalidData`]).
    fn state(&self, name: &[u8]) -> io::Result<Option<InitState>>;

    /// How many references to the module are held:
    /// `/sys/module/NAME/refcnt`. `Ok(None)` when there is no such file: not
    /// loaded, or a kernel that cannot unload.
    ///
    /// # Errors
    /// When the file cannot be read or holds no number.
    fn refcnt(&self, name: &[u8]) -> io::Result<Option<i64>>;

    /// Size of the module's core in bytes: `/sys/module/NAME/coresize`.
    /// `Ok(None)` when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no number.
    fn core_size(&self, name: &[u8]) -> io::Result<Option<u64>>;

    /// The modules that hold this one, in the directory's order:
    /// `/sys/module/NAME/holders`.
    ///
    /// # Errors
    /// When the directory cannot be read; [`io::ErrorKind::NotFound`] when the
    /// module is not loaded.
    fn holders(&self, name: &[u8]) -> io::Result<Vec<Vec<u8>>>;

    /// The module's sections and their addresses, in the directory's order:
    /// `/sys/module/NAME/sections`. An address is 0 where the kernel hides it.
    ///
    /// # Errors
    /// When the directory or a file cannot be read, or holds no number;
    /// [`io::ErrorKind::NotFound`] when the module is not loaded.
    fn sections(&self, name: &[u8]) -> io::Result<Vec<(Vec<u8>, u64)>>;
}
