//! What the administrator wrote: modprobe.d, depmod.d, the kernel command line.
//!
//! Bad lines are data ([`Warning`]), never a failure.
#![allow(missing_docs, unused)]
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a directive stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: Arc<Path>,
    /// physical lines read so far, 1-based
    pub line: u32,
}

/// What was wrong, in kmod's words (without program name and level), e.g.
/// `/etc/modprobe.d/x.conf line 3: ignoring bad line starting with 'foo'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub level: Level,
    pub text: String,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Info,
}

/// Where configuration files are looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Files and directories in order of precedence.
    pub paths: Vec<PathBuf>,
}
impl Search {
    /// /etc, /run, /usr/local/lib, /usr/lib, /lib + `/modprobe.d`
    pub fn modprobe_default() -> Self {
        todo!()
    }
    pub fn depmod_default() -> Self {
        todo!()
    }
    pub fn only(paths: Vec<PathBuf>) -> Self {
        todo!()
    }
}

#[derive(Debug, Clone)]
pub struct Alias {
    pub pattern: Vec<u8>,
    pub module: Vec<u8>,
    pub origin: Origin,
}
#[derive(Debug, Clone)]
pub struct Blacklist {
    pub module: Vec<u8>,
    pub origin: Origin,
}
#[derive(Debug, Clone)]
pub struct Options {
    pub module: Vec<u8>,
    pub options: Vec<u8>,
    pub origin: Origin,
}
/// `install` or `remove`.
#[derive(Debug, Clone)]
pub struct Command {
    pub module: Vec<u8>,
    pub command: Vec<u8>,
    pub origin: Origin,
}
/// Names raw, as written. `module` may be a glob.
#[derive(Debug, Clone)]
pub struct Softdep {
    pub module: Vec<u8>,
    pub pre: Vec<Vec<u8>>,
    pub post: Vec<Vec<u8>>,
    /// true when it comes from modules.softdep of the kernel's directory: the administrator's beat it
    pub from_modules: bool,
    pub origin: Origin,
}
#[derive(Debug, Clone)]
pub struct Weakdep {
    pub module: Vec<u8>,
    pub weak: Vec<Vec<u8>>,
    pub from_modules: bool,
    pub origin: Origin,
}

/// All modprobe configuration, each kind in the order read.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub blacklists: Vec<Blacklist>,
    pub installs: Vec<Command>,
    pub removes: Vec<Command>,
    pub aliases: Vec<Alias>,
    pub options: Vec<Options>,
    pub softdeps: Vec<Softdep>,
    pub weakdeps: Vec<Weakdep>,
    pub warnings: Vec<Warning>,
}
impl Config {
    /// Reads the files of `search`, `modules.softdep`/`modules.weakdep` of `module_dir`, then `cmdline` (the text of /proc/cmdline, if any).
    pub fn load(search: &Search, module_dir: Option<&Path>, cmdline: Option<&[u8]>) -> Self {
        todo!()
    }
}

/// One word of `search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchWord {
    Directory(Vec<u8>),
    BuiltIn,
    External,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `SUBDIR/MOD` as written: what a relative path without extension must equal
    pub path: Vec<u8>,
    pub origin: Origin,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    pub dir: PathBuf,
    pub origin: Origin,
}
/// depmod.d for one kernel version (behaviour 2.6); `override`/`external` for other versions are left out.
#[derive(Debug, Clone, Default)]
pub struct DepmodConfig {
    /// highest priority first; `updates` when no `search` line was there
    pub search: Vec<SearchWord>,
    pub overrides: Vec<Override>,
    pub externals: Vec<External>,
    /// exact names of directory entries to skip (`build` and `source` not included)
    pub excludes: Vec<Vec<u8>>,
    pub warnings: Vec<Warning>,
}
impl DepmodConfig {
    pub fn load(search: &Search, version: &[u8]) -> Self {
        todo!()
    }
}
