//! Where both programs are measured: a root directory of their own, with the
//! original as Debian installs it, komod's static program beside it, and
//! nothing that only this machine has.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{chdir, chroot, fchdir};

use crate::bench::run::{Null, Spent, spent};
use crate::bench::trace::{Traced, traced};
use crate::fetch::Original;
use crate::outcome::Stop;
use crate::pair::Scratch;
use crate::{loaded, programs};

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// komod.
    Ours,
    /// The original.
    Theirs,
    /// The original with liblzma 5.4, once it was brought in ([`Arena::bring_older`]).
    TheirsOlder,
}

/// The root directory; gone when dropped.
pub struct Arena {
    scratch: Scratch,
    null: Null,
}

/// A call of a tool.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name it is called by.
    pub tool: &'static str,
    /// Its arguments; paths are those inside the root.
    pub words: Vec<String>,
    /// How many threads komod may use; `None`: as it likes.
    pub threads: Option<u32>,
}

impl Call {
    /// A call with these words.
    pub fn new(tool: &'static str, words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { tool, words, threads: None }
    }

    /// The same with so many threads.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = Some(threads);
        self
    }
}

const OURS: &str = "/komod";
const THEIRS: &str = "/usr/bin/kmod";
/// An empty file, in place of configuration.
pub const EMPTY: &str = "/empty";
/// What the original loads besides: counted with it.
const LOADED: [&str; 5] =
    ["ld-linux-x86-64.so.2", "libc.so.6", "libcrypto.so.3", "liblzma.so.5", "libzstd.so.1"];
/// The names komod is called by from outside.
const TOOLS: [&str; 2] = ["depmod", "modprobe"];
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// Where a liblzma lies that is found before the one of the release.
const OLDER: &str = "/older";

impl Arena {
    /// Furnishes a new one.
    ///
    /// [`Stop::NotHere`] for anybody but root, who may not enter it.
    pub fn new(program: &Path, original: &Original) -> Result<Self, Stop> {
        if !nix::unistd::geteuid().is_root() {
            return Err(Stop::NotHere("only root can measure: it enters a root directory".into()));
        }
        let scratch = Scratch::new("bench")?;
        let root = scratch.dir.clone();
        let libraries = root.join(LIBRARIES);
        for dir in [&libraries, &root.join("usr/bin"), &root.join("etc"), &root.join("lib64")] {
            fs::create_dir_all(dir).map_err(Stop::io(dir.display()))?;
        }
        let copy = |from: &Path, to: &str| {
            let to = root.join(to.trim_start_matches('/'));
            fs::copy(from, &to).map(drop).map_err(Stop::io(to.display()))
        };
        copy(program, OURS)?;
        copy(&original.program(), THEIRS)?;
        let entries = fs::read_dir(original.libraries()).map_err(Stop::io("libraries"))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            copy(&entry.path(), &format!("{LIBRARIES}/{name}"))?;
        }
        let loader = root.join("lib64/ld-linux-x86-64.so.2");
        symlink(format!("/{LIBRARIES}/ld-linux-x86-64.so.2"), &loader)
            .and_then(|()| symlink("usr/lib", root.join("lib")))
            .map_err(Stop::io(loader.display()))?;
        for tool in TOOLS {
            let link = root.join("usr/bin").join(tool);
            symlink("../../komod", &link).map_err(Stop::io(link.display()))?;
        }
        let ldconfig = programs::find("ldconfig").unwrap_or("ldconfig".into());
        programs::text(Command::new(ldconfig).arg("-r").arg(&root))?;
        scratch.file(EMPTY.trim_start_matches('/'), "")?;
        loaded::write(&root)?;
        scratch.file("proc/cmdline", "")?;
        Ok(Self { scratch, null: Null::open()? })
    }

    /// Copies liblzma 5.4 out of a directory, for [`Side::TheirsOlder`].
    pub fn bring_older(&self, from: &Path) -> Result<(), Stop> {
        let to = self.outside(OLDER);
        fs::create_dir_all(&to).map_err(Stop::io(to.display()))?;
        let (from, to) = (from.join("liblzma.so.5"), to.join("liblzma.so.5"));
        fs::copy(&from, to).map(drop).map_err(Stop::io(from.display()))
    }

    /// A path inside, as it is called from outside.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.scratch.dir.join(path.trim_start_matches('/'))
    }

    /// komod under the name of a tool, as it is called from outside.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.outside("usr/bin").join(name)
    }

    /// What one run of a call takes, on average of `times`.
    pub fn spent(&self, side: Side, call: &Call, times: u32) -> Result<Spent, Stop> {
        let mut command = command(side, call);
        let _inside = Inside::enter(&self.scratch.dir)?;
        spent(&mut command, &self.null, times)
    }

    /// What ptrace sees of a call.
    pub fn traced(&self, side: Side, call: &Call) -> Result<Traced, Stop> {
        traced(&mut command(side, call), &self.scratch.dir, &self.null)
    }

    /// What a call writes to standard output; error if it fails.
    pub fn said(&self, side: Side, call: &Call) -> Result<String, Stop> {
        let mut command = command(side, call);
        self.null.streams(&mut command)?;
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let _inside = Inside::enter(&self.scratch.dir)?;
        let output = command.output().map_err(Stop::io("the program"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Stop::Failed(format!("{side:?} {call:?}: {}: {said}", output.status)))
    }

    /// Fails if the two programs answer a call differently: then the time it
    /// takes means nothing.
    pub fn same_answer(&self, call: &Call) -> Result<(), Stop> {
        if self.said(Side::Ours, call)? == self.said(Side::Theirs, call)? {
            return Ok(());
        }
        Err(Stop::Failed(format!("{} {:?}: the answers differ", call.tool, call.words)))
    }

    /// The bytes of komod, and of the original with the libraries it loads.
    pub fn sizes(&self) -> Result<(u64, u64), Stop> {
        let size = |path: String| {
            let path = self.outside(&path);
            fs::metadata(&path).map(|data| data.len()).map_err(Stop::io(path.display()))
        };
        let mut theirs = size(THEIRS.into())?;
        for library in LOADED {
            theirs += size(format!("{LIBRARIES}/{library}"))?;
        }
        Ok((size(OURS.into())?, theirs))
    }
}

fn command(side: Side, call: &Call) -> Command {
    let mut command = Command::new(if side == Side::Ours { OURS } else { THEIRS });
    command.arg0(call.tool).args(&call.words).env_clear();
    if side == Side::TheirsOlder {
        command.env("LD_LIBRARY_PATH", OLDER);
    }
    if let Some(threads) = call.threads {
        command.env("KOMOD_THREADS", threads.to_string());
    }
    command
}

/// As long as it lives, this process has another root directory: its children
/// start there without a step between that would be measured too.
struct Inside {
    root: File,
    here: File,
}

impl Inside {
    fn enter(root: &Path) -> Result<Self, Stop> {
        let open = |path: &str| File::open(path).map_err(Stop::io(path));
        let back = Self { root: open("/")?, here: open(".")? };
        let failed = |errno| Stop::Failed(format!("{}: {errno}", root.display()));
        chroot(root).map_err(failed)?;
        chdir("/").map_err(failed)?;
        Ok(back)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = fchdir(&self.root).and_then(|()| chroot(".")).and_then(|()| fchdir(&self.here));
    }
}
