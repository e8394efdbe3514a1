//! One run of a tool in its box: a private mount namespace and the scratch root,
//! with the program, its libraries and a shell mounted in, and the kernel faked.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::calls::Call;
use crate::fake_kernel::{FAKED, FakeKernel};
use crate::namespace::{self, Walls};
use crate::program::{Libraries, Program, TOOLS};
use crate::seccomp::Filter;
use crate::{Trouble, seccomp, shell};

/// A tool that runs longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// `argv[0]` and the arguments.
    pub argv: Vec<OsString>,
    /// A shell runs this in place of the program; `argv` counts for nothing then.
    pub script: Option<OsString>,
    /// The environment, in whole.
    pub env: Vec<(OsString, OsString)>,
    /// Standard input: these bytes in a file; `None`: `/dev/null`.
    pub stdin: Option<Vec<u8>>,
    /// Descriptors among 0..=2 that are closed.
    pub closed: Vec<i32>,
    /// Where standard output goes.
    pub output: Output,
    /// Without capabilities.
    pub powerless: bool,
}

/// Where standard output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Into a file, to be compared.
    #[default]
    Caught,
    /// To a disk that is full: `/dev/full`.
    Full,
    /// Into a pipe whose reader is gone.
    Unread,
    /// The same, for a program that is not sent SIGPIPE, as services are.
    UnreadWithoutSignal,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit status; 128 and the number for a signal.
    pub status: i32,
    /// What was asked of the kernel.
    pub calls: Vec<Call>,
    /// Lines `PRIORITY IDENT: TEXT` that went to `/dev/log`.
    pub syslog: Vec<u8>,
}

/// A scratch root, furnished for one program.
#[derive(Debug)]
pub struct Sandbox {
    root: PathBuf,
    binds: Vec<(CString, CString, bool)>,
    /// `None` without a `/dev`.
    log: Option<UnixDatagram>,
    /// Where the program's output is caught: outside the root.
    scratch: PathBuf,
}

impl Sandbox {
    /// Furnishes `root` for `program`; one furnished before is furnished anew.
    /// Output files go to `scratch`.
    ///
    /// # Errors
    /// Anything that cannot be made there.
    pub fn furnish(root: &Path, scratch: &Path, program: &Program) -> Result<Self, Trouble> {
        let mut furniture = Furniture::new(root)?;
        furniture.bind(&program.file, "usr/bin/kmod", true)?;
        match &program.libraries {
            Libraries::Host => furniture.host_libraries()?,
            Libraries::Unpacked { loader, directory } => {
                for place in multiarch() {
                    furniture.bind(directory, &place, true)?;
                }
                let interpreter = match std::env::consts::ARCH {
                    "aarch64" => "lib/ld-linux-aarch64.so.1",
                    _ => "lib64/ld-linux-x86-64.so.2",
                };
                furniture.bind(loader, interpreter, true)?;
            }
        }
        Self::complete(furniture, scratch)
    }

    /// Furnishes `root` for scripts that use `program`: they find the tools of
    /// `shell::TOOLS` too, which run with the machine's own libraries.
    ///
    /// # Errors
    /// As [`Self::furnish`]; a machine that lacks one of those tools.
    pub fn furnish_with_shell(
        root: &Path,
        scratch: &Path,
        program: &Program,
    ) -> Result<Self, Trouble> {
        let mut furniture = Furniture::new(root)?;
        shell::furnish(&mut furniture, program)?;
        Self::complete(furniture, scratch)
    }

    /// What every box has.
    fn complete(mut furniture: Furniture, scratch: &Path) -> Result<Self, Trouble> {
        furniture.bind(Path::new("/bin/sh"), "bin/sh", true)?;
        furniture.bind(Path::new("/dev/null"), "dev/null", false)?;
        // /proc/self must work, while /proc/modules and /proc/cmdline are the tree's
        furniture.bind(Path::new("/proc"), ".proc", false)?;
        let Furniture { root, binds } = furniture;
        for (link, target) in [
            ("proc/self", "/.proc/self"),
            ("dev/stdin", "/proc/self/fd/0"),
            ("dev/stdout", "/proc/self/fd/1"),
            ("dev/stderr", "/proc/self/fd/2"),
        ] {
            symlink(target, &root.join(link))?;
        }
        for tool in TOOLS.iter().filter(|tool| **tool != "kmod") {
            symlink("../bin/kmod", &root.join("usr/sbin").join(tool))?;
        }
        for (name, status) in [("true", 0), ("false", 1)] {
            let file = root.join("bin").join(name);
            fs::write(&file, format!("#!/bin/sh\nexit {status}\n")).map_err(Trouble::io(&file))?;
            executable(&file)?;
        }
        let socket = root.join("dev/log");
        let _ = fs::remove_file(&socket);
        let log = UnixDatagram::bind(&socket).map_err(Trouble::io(&socket))?;
        log.set_nonblocking(true).map_err(Trouble::io(&socket))?;
        Ok(Self { root, binds, log: Some(log), scratch: scratch.into() })
    }

    /// Takes `/dev` out, with `/dev/null` and syslog.
    ///
    /// # Errors
    /// What cannot be taken out.
    pub fn without_dev(mut self) -> Result<Self, Trouble> {
        let dev = self.root.join("dev");
        self.binds
            .retain(|(_, to, _)| !Path::new(OsStr::from_bytes(to.to_bytes())).starts_with(&dev));
        fs::remove_dir_all(&dev).map_err(Trouble::io(&dev))?;
        self.log = None;
        Ok(self)
    }

    /// Runs the program and waits for its end.
    ///
    /// # Errors
    /// A box that cannot be built, or a program that does not end.
    pub fn run(&self, run: &Run, kernel: &mut FakeKernel) -> Result<Outcome, Trouble> {
        let here = |error: io::Error| Trouble(format!("the box: {error}"));
        let (out, err) = (self.scratch.join("stdout"), self.scratch.join("stderr"));
        let input = match &run.stdin {
            None => File::open("/dev/null"),
            Some(bytes) => {
                let file = self.scratch.join("stdin");
                fs::write(&file, bytes).and_then(|()| File::open(&file))
            }
        };
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
                .map_err(|e| here(e.into()))?;
        let mut command = match &run.script {
            None => {
                let (argv0, args) =
                    run.argv.split_first().ok_or_else(|| Trouble("no argv[0]".into()))?;
                let mut command = Command::new("/usr/bin/kmod");
                command.arg0(argv0).args(args);
                command
            }
            Some(script) => {
                let mut command = Command::new("/bin/sh");
                command.arg("-c").arg(script);
                command
            }
        };
        command.env_clear().envs(run.env.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::from(input.map_err(here)?));
        let caught = File::create(&out);
        command.stdout(match run.output {
            Output::Caught => Stdio::from(caught.map_err(here)?),
            Output::Full => {
                Stdio::from(File::options().write(true).open("/dev/full").map_err(here)?)
            }
            Output::Unread | Output::UnreadWithoutSignal => {
                Stdio::from(nix::unistd::pipe().map_err(|e| here(e.into()))?.1)
            }
        });
        command.stderr(Stdio::from(File::create(&err).map_err(here)?));
        let walls = Walls {
            root: c_path(&self.root)?,
            binds: self.binds.clone(),
            closed: run.closed.clone(),
            powerless: run.powerless,
            without_sigpipe: run.output == Output::UnreadWithoutSignal,
            filter: Filter::of(&FAKED),
            listener: theirs,
            maps: user_maps(),
        };
        namespace::confine(&mut command, walls);
        let child = command.spawn().map_err(here)?;
        drop(command);
        let status = attend(child, ours, kernel).map_err(here)?;
        Ok(Outcome {
            stdout: fs::read(&out).map_err(here)?,
            stderr: fs::read(&err).map_err(here)?,
            status,
            calls: Vec::new(),
            syslog: self.logged(),
        })
    }

    fn logged(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        let mut buffer = [0; 4096];
        while let Some(Ok(length)) = self.log.as_ref().map(|log| log.recv(&mut buffer)) {
            // <PRIORITY>Mmm dd hh:mm:ss IDENT: TEXT
            let message = &buffer[..length];
            let end = message.iter().position(|b| *b == b'>').unwrap_or(0);
            lines.extend(message.get(1..end).unwrap_or_default());
            lines.push(b' ');
            let text = message.get(end + 17..).unwrap_or_default();
            // syslogd takes off what programs differ in
            lines
                .extend(text.trim_ascii_end().strip_suffix(b"\0").unwrap_or(text.trim_ascii_end()));
            lines.push(b'\n');
        }
        lines
    }
}

/// A root and what is to be mounted in it.
#[derive(Debug)]
pub(crate) struct Furniture {
    pub(crate) root: PathBuf,
    binds: Vec<(CString, CString, bool)>,
}

impl Furniture {
    fn new(root: &Path) -> Result<Self, Trouble> {
        let root = root.canonicalize().map_err(Trouble::io(root))?;
        Ok(Self { root, binds: Vec::new() })
    }

    /// Has the file or directory `from` appear at `place`, relative to the root.
    pub(crate) fn bind(&mut self, from: &Path, place: &str, lock: bool) -> Result<(), Trouble> {
        let to = self.root.join(place);
        let made = if from.is_dir() { fs::create_dir_all(&to) } else { empty_file(&to) };
        made.map_err(Trouble::io(&to))?;
        self.binds.push((c_path(from)?, c_path(&to)?, lock));
        Ok(())
    }

    /// The machine's own libraries at their own places.
    pub(crate) fn host_libraries(&mut self) -> Result<(), Trouble> {
        let places = ["lib64", "usr/lib64"].map(str::to_owned);
        for place in places.into_iter().chain(multiarch()) {
            let from = Path::new("/").join(&place);
            if from.is_dir() {
                self.bind(&from, &place, true)?;
            }
        }
        Ok(())
    }
}

/// Where Debian keeps libraries.
fn multiarch() -> [String; 2] {
    let arch = std::env::consts::ARCH;
    [format!("lib/{arch}-linux-gnu"), format!("usr/lib/{arch}-linux-gnu")]
}

/// Answers the child's calls until it ends.
fn attend(mut child: Child, socket: OwnedFd, kernel: &mut FakeKernel) -> io::Result<i32> {
    let listener = seccomp::receive_listener(socket.as_fd())?;
    let ended = seccomp::end_of(child.id())?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let wait = PollTimeout::try_from(Duration::from_millis(500)).unwrap_or(PollTimeout::ZERO);
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(ended.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, wait) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|e| e.contains(PollFlags::POLLIN));
        if ready(&fds[0]) {
            serve(listener.as_fd(), kernel)?;
        } else if ready(&fds[1]) {
            let status = child.wait()?;
            return Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        } else if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("the program does not end"));
        }
    }
}

fn serve(listener: BorrowedFd<'_>, kernel: &mut FakeKernel) -> io::Result<()> {
    match seccomp::receive(listener)? {
        Some(asked) => seccomp::answer(listener, asked.id, kernel.answer(&asked)),
        None => Ok(()),
    }
}

fn user_maps() -> Option<(String, String)> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    (!uid.is_root()).then(|| (format!("0 {uid} 1"), format!("0 {gid} 1")))
}

fn empty_file(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, "")
}

pub(crate) fn symlink(target: &str, link: &Path) -> Result<(), Trouble> {
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent).map_err(Trouble::io(parent))?;
    }
    match std::os::unix::fs::symlink(target, link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Trouble::io(link)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn executable(file: &Path) -> Result<(), Trouble> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(file, mode).map_err(Trouble::io(file))
}

fn c_path(path: &Path) -> Result<CString, Trouble> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|e| Trouble(format!("{}: {e}", path.display())))
}
