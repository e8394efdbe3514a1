//! Where the world is for this run.

use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_kernel::Kernel;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::io_text;
use crate::report::Report;

/// Where kernels keep their modules, below the root (`depmod`(8)).
pub const MODULE_DIRECTORY: &str = "/lib/modules";

/// The text of the kernel's command line. It is the running machine's, also
/// when another root is asked about.
pub const KERNEL_COMMAND_LINE: &str = "/proc/cmdline";

/// How many processors this process may run on (`sched_getaffinity`(2)); one where the
/// kernel does not tell. A share of a processor's time that a control group limits counts
/// as a whole one: the search for such limits would be a hundredth of the program.
pub fn processors() -> NonZeroUsize {
    let may = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let number = (0..CpuSet::count()).filter(|number| may.is_set(*number).unwrap_or(false));
    NonZeroUsize::new(number.count()).unwrap_or(NonZeroUsize::MIN)
}

/// Everything a tool may touch, made by the caller and passed down.
pub struct Host<'a> {
    /// The running kernel.
    pub kernel: &'a dyn Kernel,
    /// Standard output; whoever runs the tool flushes it at the end.
    pub stdout: &'a mut dyn Write,
    /// Messages.
    pub report: Report<'a>,
    /// Whether descriptor 2 was closed when the process started.
    pub stderr_closed: bool,
    /// The environment variables that the tools know.
    pub environment: Environment,
    /// `argv[0]` as it came: option errors begin with it.
    pub program: OsString,
}

impl Host<'_> {
    /// Where the running kernel's modules are: `/lib/modules/RELEASE`. The
    /// release is empty when the kernel does not tell.
    pub fn module_directory(&self) -> PathBuf {
        Path::new(MODULE_DIRECTORY).join(self.kernel.release().unwrap_or_default())
    }

    /// `path` from the current directory on ([`komod_file::from_here`]); `None` after
    /// saying that this has no path.
    pub fn from_here(&mut self, path: &Path) -> Option<PathBuf> {
        let found = komod_file::from_here(path);
        if let Err(error) = &found {
            let (path, why) = (path.display(), io_text(error));
            self.report.fatal(format_args!("{path}: the current directory has no path: {why}"));
        }
        found.ok()
    }

    /// The kernel's command line; `None` when it cannot be read.
    pub fn kernel_command_line(&self) -> Option<Vec<u8>> {
        std::fs::read(Path::new(KERNEL_COMMAND_LINE)).ok()
    }
}

/// The environment variables that the tools know.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `MODPROBE_OPTIONS`: words that stand before modprobe's own.
    pub modprobe_options: Option<OsString>,
    /// `KOMOD_THREADS`: how many modules depmod reads at a time.
    pub threads: Option<OsString>,
    /// `POSIXLY_CORRECT`: options end at the first operand.
    pub posixly_correct: bool,
    /// `KMOD_LOG`: which messages of kmod's library are seen.
    pub kmod_log: Option<OsString>,
}

impl Environment {
    /// What the process was given, as far as the program called so wants it.
    pub fn of_process(program: &str) -> Self {
        // Each of them is looked for among all there are.
        let threads = (program == "depmod").then(|| std::env::var_os("KOMOD_THREADS")).flatten();
        Self {
            modprobe_options: std::env::var_os("MODPROBE_OPTIONS"),
            threads,
            posixly_correct: std::env::var_os("POSIXLY_CORRECT").is_some(),
            kmod_log: std::env::var_os("KMOD_LOG"),
        }
    }

    /// Whether the errors that kmod's library tells, and not the tool itself, are
    /// wanted: unless `KMOD_LOG` is a number below 3 or a word that is no level.
    pub fn wants_library_errors(&self) -> bool {
        let Some(level) = &self.kmod_log else { return true };
        let level = level.as_bytes();
        let words: [&[u8]; 3] = [b"err", b"info", b"debug"];
        let number = || std::str::from_utf8(level).ok()?.trim().parse::<i64>().ok();
        words.iter().any(|word| level.starts_with(word)) || number().is_some_and(|n| n >= 3)
    }
}

/// How a tool ended. What was wrong has been reported already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Everything asked for was done.
    Success,
    /// Something was not.
    Failure,
    /// It cannot be told: only commands say so that kmod does not have.
    Undecided,
}

impl Outcome {
    /// The exit status: 0 or 1, as kmod's, or 2.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Success => 0,
            Outcome::Failure => 1,
            Outcome::Undecided => 2,
        }
    }

    /// Failure if either failed.
    pub fn and(self, other: Self) -> Self {
        if self == Outcome::Success { other } else { self }
    }
}
