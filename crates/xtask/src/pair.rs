//! komod's depmod and the original's on the same tree.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fetch::Original;
use crate::outcome::Stop;
use crate::packages::cache;
use crate::programs;

/// A run of depmod.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The directory for `-b`.
    pub base: &'a Path,
    /// The kernel's release.
    pub release: &'a str,
    /// What to read in place of the machine's own depmod.d.
    pub config: &'a Path,
    /// Further options.
    pub options: &'a [&'a str],
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `None`: killed by a signal.
    pub status: Option<i32>,
    /// All of it.
    pub stdout: Vec<u8>,
    /// Its lines, sorted: the order of messages is nobody's business.
    pub stderr: Vec<Vec<u8>>,
    /// Names and contents, sorted.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Seen {
    /// The contents of a file; `None` when it was not written.
    pub fn file(&self, name: &str) -> Option<&Vec<u8>> {
        self.files.iter().find(|(own, _)| own == name).map(|(_, contents)| contents)
    }

    /// Everything that is compared with `theirs`: what it is, and whether it
    /// is the same.
    pub fn compared(&self, theirs: &Self) -> Vec<(String, bool)> {
        let status = format!("status {:?}, not {:?}", self.status, theirs.status);
        let mut all = vec![
            (status, self.status == theirs.status),
            ("standard output".into(), self.stdout == theirs.stdout),
            (self.other_messages(theirs), self.stderr == theirs.stderr),
        ];
        let both = self.files.iter().chain(&theirs.files);
        for name in both.map(|(name, _)| name).collect::<BTreeSet<_>>() {
            let own = self.file(name);
            all.push((name.clone(), own.is_some() && own == theirs.file(name)));
        }
        all
    }

    fn other_messages(&self, theirs: &Self) -> String {
        if self.stderr == theirs.stderr {
            return "standard error".into();
        }
        let only = |own: &Self, other: &Self| {
            let known: BTreeSet<&Vec<u8>> = other.stderr.iter().collect();
            let line = own.stderr.iter().find(|line| !known.contains(line));
            line.map_or("nothing".into(), |line| String::from_utf8_lossy(line).into_owned())
        };
        let (own, other) = (only(self, theirs), only(theirs, self));
        format!("standard error: only komod says {own:?}, only the original {other:?}")
    }
}

/// Both programs.
pub struct Pair<'a> {
    /// komod's `kmod`.
    pub ours: PathBuf,
    /// The original.
    pub original: &'a Original,
    /// Where they write.
    pub scratch: Scratch,
}

impl Pair<'_> {
    /// What komod does.
    pub fn ours(&self, run: &Run<'_>) -> Result<Seen, Stop> {
        let mut command = Command::new(&self.ours);
        command.arg0("depmod");
        self.run(command, run)
    }

    /// What the original does.
    pub fn theirs(&self, run: &Run<'_>) -> Result<Seen, Stop> {
        self.run(self.original.command("depmod"), run)
    }

    fn run(&self, mut command: Command, run: &Run<'_>) -> Result<Seen, Stop> {
        let out = self.scratch.dir.join("out");
        if out.exists() {
            fs::remove_dir_all(&out).map_err(Stop::io(out.display()))?;
        }
        command.arg("-C").arg(run.config).arg("-b").arg(run.base).arg("-o").arg(&out);
        command.args(run.options).arg(run.release);
        let output = programs::output(&mut command)?;
        let lines = output.stderr.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let mut stderr: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
        stderr.sort();
        let dir = out.join("lib/modules").join(run.release);
        let mut files = Vec::new();
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let contents = fs::read(entry.path()).map_err(Stop::io(dir.display()))?;
            files.push((entry.file_name().to_string_lossy().into_owned(), contents));
        }
        files.sort();
        Ok(Seen { status: output.status.code(), stdout: output.stdout, stderr, files })
    }
}

/// A directory in the cache that is gone afterwards.
pub struct Scratch {
    /// Where it is.
    pub dir: PathBuf,
}

impl Scratch {
    /// A new one, empty.
    pub fn new(name: &str) -> Result<Self, Stop> {
        let dir = cache()?.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        Ok(Self { dir })
    }

    /// Writes a file into it and returns its path.
    pub fn file(&self, name: &str, text: &str) -> Result<String, Stop> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(Stop::io(path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
