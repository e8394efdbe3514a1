//! The program `ask` of `tests/libkmod`: built, and run with either library.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use komod_cases::Program;

use super::{Library, SONAME, target};
use crate::fetch::{Debian13, Original, original_header};
use crate::outcome::Stop;
use crate::programs;
use crate::workspace::workspace;

/// Its sources. `types.c` is nothing but a check of the header.
const SOURCES: [&str; 6] = ["ask.c", "lookups.c", "misuse.c", "null.c", "show.c", "types.c"];

/// Which `libkmod.h` it is compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// komod's own.
    Ours,
    /// Debian 13's.
    Original,
}

/// The program, compiled without a warning.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The program's file.
    pub file: PathBuf,
    original: Original,
}

impl Ask {
    /// Compiles it. It is linked with the original: whatever library it runs with must
    /// offer all that it asks for.
    pub fn build(header: Header) -> Result<Self, Stop> {
        let original = Debian13::fetch()?.original;
        let (include, name) = match header {
            Header::Ours => (workspace().join("crates/libkmod/include"), "ask"),
            Header::Original => (original_header()?, "ask-original-header"),
        };
        let dir = target().join("libkmod");
        std::fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        let file = dir.join(name);
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-pthread"]);
        cc.arg("-I").arg(include).arg("-o").arg(&file);
        cc.args(SOURCES.map(|source| workspace().join("tests/libkmod").join(source)));
        cc.arg("-L").arg(original.libraries()).arg(format!("-l:{SONAME}"));
        // Its own libraries are those of its release.
        cc.arg("-Wl,--allow-shlib-undefined");
        programs::run(&mut cc)?;
        Ok(Self { file, original })
    }

    /// It in a box, on a library of ours, with Debian 13's C library.
    pub fn program(&self, library: &Library) -> Result<Program, Stop> {
        let dir = library.dir.join("libraries");
        std::fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        for name in ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"] {
            copy(&self.original.libraries().join(name), &dir.join(name))?;
        }
        copy(&library.file(), &dir.join(SONAME))?;
        Ok(Program::unpacked("ours", &self.file, self.original.loader(), dir))
    }

    /// It in a box, on Debian 13's libkmod.
    pub fn original_program(&self) -> Program {
        let (loader, libraries) = (self.original.loader(), self.original.libraries());
        Program::unpacked("34.2", &self.file, loader, libraries)
    }

    /// It on this machine, on a library of ours; `under` is a program that runs it.
    pub fn command(&self, library: &Library, under: &[&OsStr]) -> Command {
        let mut command = run_by(under, &self.file);
        command.env("LD_LIBRARY_PATH", &library.dir);
        command
    }

    /// It on this machine, on the original, which brings its own C library.
    pub fn original_command(&self, under: &[&OsStr]) -> Command {
        let mut command = run_by(under, &self.original.loader());
        command.arg("--library-path").arg(self.original.libraries()).arg(&self.file);
        command
    }
}

fn run_by(under: &[&OsStr], program: &Path) -> Command {
    let mut words = under.iter().copied().chain([program.as_os_str()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    std::fs::copy(from, to).map(drop).map_err(Stop::io(to.display()))
}
