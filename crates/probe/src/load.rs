use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use komod_file::{Compression, ModuleFile};
use komod_kernel::{Errno, InitFlags, Kernel};

use crate::Event;

/// What the kernel is told to overlook in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Force {
    /// Symbol versions (CRCs) that differ.
    pub modversions: bool,
    /// A version magic that differs.
    pub vermagic: bool,
}

/// Why a module's file did not get into the kernel.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct LoadError {
    /// The module's file.
    pub path: PathBuf,
    /// The reason.
    pub cause: Cause,
}

/// The reason of a [`LoadError`].
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The file cannot be read or decompressed.
    #[error(transparent)]
    File(#[from] komod_file::Error),
    /// Version information cannot be taken out of the image because it is no
    /// module.
    #[error(transparent)]
    Strip(#[from] komod_elf::Error),
    /// There is no version magic to overlook.
    #[error("no version magic to strip")]
    NoVermagic,
    /// The kernel refused.
    #[error("{0}")]
    Kernel(Errno),
}

impl LoadError {
    /// The reason as errno, as kmod reports it.
    pub fn raw_os_error(&self) -> i32 {
        match &self.cause {
            Cause::File(error) => error.raw_os_error(),
            Cause::Strip(komod_elf::Error::NotElf { .. }) => Errno::ENOEXEC as i32,
            Cause::Strip(_) => Errno::EINVAL as i32,
            Cause::NoVermagic => Errno::ENODATA as i32,
            Cause::Kernel(errno) => *errno as i32,
        }
    }
}

/// Hands the module file at `path` to the kernel, with `params` (up to a NUL,
/// if one is in there) as its parameters.
///
/// The open file goes to the kernel when it is plain or compressed with the
/// kernel's own algorithm. Otherwise, and on a kernel that takes no files, it
/// is decompressed here and goes in from memory; what is forced is then
/// stripped from the image. A compressed file that the kernel refuses as
/// invalid, or as no module, is tried again from memory where its own
/// decompressor can be the cause ([`komod_file::kernel_may_refuse`]) and it
/// decompresses well here. Any other file is not: the module itself may have
/// been asked and have said no, and is not initialised twice.
///
/// # Errors
/// When the file cannot be read, or the kernel's errno. `observe` has seen the
/// same error.
pub fn load_file(
    kernel: &dyn Kernel,
    path: &Path,
    params: &[u8],
    force: Force,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), LoadError> {
    let params = c_string(params);
    try_load(kernel, path, &params, force, observe).map_err(|cause| {
        let error = LoadError { path: path.to_owned(), cause };
        observe(Event::LoadFailed(&error));
        error
    })
}

fn try_load(
    kernel: &dyn Kernel,
    path: &Path,
    params: &CStr,
    force: Force,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), Cause> {
    let file = ModuleFile::open(path)?;
    let packed = file.compression() != Compression::Plain;
    let takes_it = !packed || kernels_own(kernel, observe) == Some(file.compression());
    let mut contents = None;
    if let Some(open) = file.file().filter(|_| takes_it) {
        let flags = InitFlags {
            ignore_modversions: force.modversions,
            ignore_vermagic: force.vermagic,
            compressed_file: packed,
        };
        match kernel.finit_module(open.as_fd(), params, flags) {
            Ok(()) => return Ok(()),
            Err(Errno::ENOSYS) => {}
            Err(errno @ (Errno::EINVAL | Errno::ENOEXEC)) if packed => {
                let image = unpacked_only_here(&file).ok_or(Cause::Kernel(errno))?;
                observe(Event::FromMemory { path });
                contents = Some(image);
            }
            Err(errno) => return Err(Cause::Kernel(errno)),
        }
    }
    let mut image = match contents {
        Some(image) => image,
        None => file.contents()?,
    };
    if force.modversions {
        komod_elf::strip_modversions(&mut image)?;
    }
    if force.vermagic && !komod_elf::strip_vermagic(&mut image)? {
        return Err(Cause::NoVermagic);
    }
    kernel.init_module(&image, params).map_err(Cause::Kernel)
}

/// The algorithm that the kernel decompresses module files with. One that
/// nobody knows is told.
fn kernels_own(kernel: &dyn Kernel, observe: &mut dyn FnMut(Event<'_>)) -> Option<Compression> {
    let name = kernel.compression()?;
    let known = Compression::of_kernel_name(&name);
    if known.is_none() {
        observe(Event::UnknownCompression(&name));
    }
    known
}

/// What is in a sound file that the kernel's decompressor may not have read.
fn unpacked_only_here(file: &ModuleFile) -> Option<Vec<u8>> {
    let may_refuse = file.kernel_may_refuse().unwrap_or(false);
    if may_refuse { file.contents().ok() } else { None }
}

/// `bytes` up to the first NUL: what a C program would have passed on.
pub(crate) fn c_string(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    CString::new(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}
