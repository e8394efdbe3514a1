//! `libkmod.so.2`: built, linked with its version script, and asked by the C
//! program of `tests/libkmod`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use komod_cases::Program;

use crate::fetch::Debian13;
use crate::outcome::{Stop, Tally};
use crate::test::workspace;
use crate::{cases, programs};

/// The library's file name: what it answers to is a link to it.
const FILE: &str = "libkmod.so.2.5.1";

/// The name that programs ask the loader for.
const SONAME: &str = "libkmod.so.2";

/// The sources of the program `ask`.
const ASK: [&str; 4] = ["ask.c", "misuse.c", "null.c", "show.c"];

/// A built library.
#[derive(Debug, Clone)]
pub struct Library {
    /// The directory of the file and its links.
    pub dir: PathBuf,
}

impl Library {
    /// Optimised, as it is shipped.
    pub fn release() -> Result<Self, Stop> {
        Self::build("library", "library")
    }

    /// With its checks of numbers that overflow, and quickly built.
    pub fn debug() -> Result<Self, Stop> {
        Self::build("dev", "debug")
    }

    /// The library's file.
    pub fn file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn build(profile: &str, folder: &str) -> Result<Self, Stop> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["rustc", "--quiet", "--package", "komod-libkmod", "--lib"]);
        cargo.args(["--crate-type", "staticlib", "--profile", profile]);
        programs::run(cargo.current_dir(workspace()))?;
        let target = target();
        let library = Self { dir: target.join("libkmod").join(folder) };
        library.link(&target.join(folder).join("libkomod_libkmod.a"))?;
        Ok(library)
    }

    /// Makes the shared library of the static one: of all that is in it only what the
    /// version script names is seen, and the unwinder is its own.
    fn link(&self, archive: &Path) -> Result<(), Stop> {
        std::fs::create_dir_all(&self.dir).map_err(Stop::io(self.dir.display()))?;
        let script = workspace().join("crates/libkmod/link/libkmod.map");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-o"]).arg(self.file());
        cc.arg(format!("-Wl,-soname,{SONAME}"));
        cc.arg(format!("-Wl,--version-script,{}", script.display()));
        cc.args(["-Wl,-z,defs,-z,relro,-z,now,--gc-sections", "-static-libgcc"]);
        cc.arg("-Wl,--whole-archive").arg(archive).arg("-Wl,--no-whole-archive");
        cc.args(["-lgcc_eh", "-lc"]);
        if self.dir.ends_with("library") {
            cc.arg("-s");
        }
        programs::run(&mut cc)?;
        for name in [SONAME, "libkmod.so"] {
            let link = self.dir.join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(FILE, &link).map_err(Stop::io(link.display()))?;
        }
        Ok(())
    }
}

/// `cargo xtask libkmod`: builds the library and says where it is.
pub fn run(_: &[String]) -> Result<bool, Stop> {
    println!("{}", Library::release()?.file().display());
    Ok(true)
}

/// The part of the tests: the library as it is shipped.
pub fn part() -> Result<Tally, Stop> {
    let library = Library::release()?;
    let mut tally = same_functions(&library)?;
    tally.add(cases::of_library(&library)?);
    Ok(tally)
}

/// Whether it offers the original's functions, each in its version and as the default,
/// answers to the same name, and needs nothing but the C library.
fn same_functions(library: &Library) -> Result<Tally, Stop> {
    let original = Debian13::fetch()?.original.libraries().join(SONAME);
    let (ours, theirs) = (functions(&library.file())?, functions(&original)?);
    let mut tally = Tally::default();
    for name in theirs.symmetric_difference(&ours) {
        println!("{name}: {}", if ours.contains(name) { "komod's alone" } else { "missing" });
        tally.count(false);
    }
    ours.intersection(&theirs).for_each(|_| tally.count(true));
    let (soname, needed) = dynamic(&library.file())?;
    let of_c = |name: &String| name == "libc.so.6" || name.starts_with("ld-linux");
    let right = soname == [SONAME] && needed.iter().all(of_c);
    tally.count(right);
    if !right {
        println!("it is called {soname:?} and needs {needed:?}");
    }
    println!("{} functions", ours.len());
    Ok(tally)
}

/// `NAME@@VERSION` of all that a library offers.
fn functions(file: &Path) -> Result<BTreeSet<String>, Stop> {
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only", "--with-symbol-versions"]).arg(file);
    let text = programs::text(&mut nm)?;
    let names = text.lines().filter_map(|line| line.split_once(" T "));
    Ok(names.map(|(_, name)| name.to_owned()).collect())
}

/// The names that a library answers to, and those that it asks for.
fn dynamic(file: &Path) -> Result<(Vec<String>, Vec<String>), Stop> {
    let text = programs::text(Command::new("readelf").args(["--dynamic", "--wide"]).arg(file))?;
    let named = |tag: &str| {
        let lines = text.lines().filter(|line| line.contains(tag));
        let names = lines.filter_map(|line| line.split_once('[')?.1.strip_suffix(']'));
        names.map(str::to_owned).collect()
    };
    Ok((named("(SONAME)"), named("(NEEDED)")))
}

/// The program `ask` on a library of ours, with Debian 13's C library.
pub fn asking(library: &Library) -> Result<Program, Stop> {
    let original = Debian13::fetch()?.original;
    let dir = library.dir.join("libraries");
    std::fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    for name in ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"] {
        copy(&original.libraries().join(name), &dir.join(name))?;
    }
    copy(&library.file(), &dir.join(SONAME))?;
    Ok(Program::unpacked("ours", ask()?, original.loader(), dir))
}

/// The program `ask` on Debian 13's libkmod.
pub fn asking_original() -> Result<Program, Stop> {
    let original = Debian13::fetch()?.original;
    Ok(Program::unpacked("34.2", ask()?, original.loader(), original.libraries()))
}

/// Builds the program against komod's own header. It is linked with the original:
/// whatever library it runs with must offer all that it asks for.
pub fn ask() -> Result<PathBuf, Stop> {
    let original = Debian13::fetch()?.original;
    let dir = target().join("libkmod");
    std::fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    let program = dir.join("ask");
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-pthread"]);
    cc.arg("-I").arg(workspace().join("crates/libkmod/include"));
    cc.arg("-o").arg(&program);
    cc.args(ASK.map(|file| workspace().join("tests/libkmod").join(file)));
    cc.arg("-L").arg(original.libraries()).arg(format!("-l:{SONAME}"));
    // Its own libraries are those of its release.
    cc.arg("-Wl,--allow-shlib-undefined");
    programs::run(&mut cc)?;
    Ok(program)
}

fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    std::fs::copy(from, to).map(drop).map_err(Stop::io(to.display()))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}
