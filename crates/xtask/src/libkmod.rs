//! `libkmod.so.2`: built and linked here, asked by the C program `ask` (`ask`),
//! judged beside the original (`judge`; `abi` for what the linker sees).

pub mod abi;
pub mod ask;
pub mod judge;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outcome::Stop;
use crate::programs;
use crate::workspace::workspace;

/// The library's file name: what it answers to is a link to it.
pub const FILE: &str = "libkmod.so.2.5.1";

/// The name that programs ask the loader for.
pub const SONAME: &str = "libkmod.so.2";

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
        let script = version_script();
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
        for (name, text) in pkg_config()? {
            let file = self.dir.join(name);
            std::fs::write(&file, text).map_err(Stop::io(file.display()))?;
        }
        for name in [SONAME, "libkmod.so"] {
            let link = self.dir.join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(FILE, &link).map_err(Stop::io(link.display()))?;
        }
        Ok(())
    }
}

/// The linker's list of what the library shows.
pub fn version_script() -> PathBuf {
    workspace().join("crates/libkmod/link/libkmod.map")
}

/// What C programs include.
pub fn header() -> PathBuf {
    workspace().join("crates/libkmod/include/libkmod.h")
}

/// Where this machine's compiler looks for libraries, below `/usr`: Debian has a
/// directory for each architecture, others `lib64`.
pub fn directory() -> String {
    let asked = |what: &str| programs::text(Command::new("cc").arg(what)).unwrap_or_default();
    match (asked("-print-multiarch").trim(), asked("-print-multi-os-directory").trim()) {
        ("", "" | ".") => "lib".into(),
        ("", beside) => beside.trim_start_matches("../").into(),
        (triplet, _) => format!("lib/{triplet}"),
    }
}

/// The files of pkg-config by their names, with the directory in which this machine's
/// compiler looks for libraries.
fn pkg_config() -> Result<[(&'static str, String); 2], Stop> {
    let read = |name: &'static str| {
        let file = workspace().join("crates/libkmod/link").join(name);
        let text = std::fs::read_to_string(&file).map_err(Stop::io(file.display()))?;
        Ok::<_, Stop>((name, text))
    };
    let (library, text) = read("libkmod.pc")?;
    let text = text.replace("${prefix}/lib\n", &format!("${{prefix}}/{}\n", directory()));
    Ok([(library, text), read("kmod.pc")?])
}

/// `cargo xtask libkmod`: builds the library and says where it is, with its files for
/// pkg-config beside it.
pub fn run(_: &[String]) -> Result<bool, Stop> {
    println!("{}", Library::release()?.file().display());
    Ok(true)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}
