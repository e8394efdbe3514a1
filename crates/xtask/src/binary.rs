//! The program as it is shipped: static, optimised, with every codec.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install;
use crate::outcome::{Stop, Tally};
use crate::programs;
use crate::workspace::workspace;

/// The most the program may weigh, linked with musl.
const CEILING: u64 = 1_500_000;
/// With the machine's C library, which is larger.
const CEILING_OTHER: u64 = 3 * 1024 * 1024;

/// The target of the static program.
pub const MUSL: &str = "x86_64-unknown-linux-musl";

/// Builds the release program and returns its path.
///
/// It is linked with musl where that can be had (by rustup and musl-tools),
/// else statically with the machine's C library: both run in a guest that has
/// no libraries.
pub fn release() -> Result<PathBuf, Stop> {
    if has_musl() { build(MUSL) } else { build("x86_64-unknown-linux-gnu") }
}

/// Builds the program as it is handed out, and returns its path.
///
/// [`Stop::NotHere`] where it cannot be linked with musl.
pub fn musl() -> Result<PathBuf, Stop> {
    if has_musl() {
        return build(MUSL);
    }
    Err(Stop::NotHere(format!(
        "the static program needs {MUSL}: rustup target add {MUSL}; apt-get install {}",
        install::MUSL.package
    )))
}

/// The same, built by another release of the compiler, which rustup fetches if
/// it is not here. It stands apart from what this compiler builds.
///
/// [`Stop::NotHere`] if there is no rustup, or no network and no such compiler.
pub fn musl_by(compiler: &str) -> Result<PathBuf, Stop> {
    install::ensure(install::MUSL)?;
    let not_here = |stop: Stop| Stop::NotHere(stop.to_string());
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "install", compiler, "--profile", "minimal"]);
    rustup.args(["--no-self-update", "--target", MUSL]).env_remove("RUSTUP_TOOLCHAIN");
    programs::text(&mut rustup).map_err(not_here)?;
    let dir = target_dir().join(format!("rustc-{compiler}"));
    let mut cargo = Command::new("rustup");
    cargo.args(["run", compiler, "cargo"]).env("CARGO_TARGET_DIR", &dir);
    for own in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(own);
    }
    eprintln!("building kmod with rustc {compiler}");
    built(cargo, MUSL, &dir)
}

/// The release of this machine's compiler, as `rustc --version` tells it.
pub fn compiler() -> Result<String, Stop> {
    let said = programs::text(Command::new("rustc").arg("--version"))?;
    said.split_whitespace()
        .nth(1)
        .map(str::to_owned)
        .ok_or_else(|| Stop::Failed(format!("rustc --version says {said:?}")))
}

/// Where cargo builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}

fn build(target: &str) -> Result<PathBuf, Stop> {
    eprintln!("building kmod for {target}; the first time takes a minute or two");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    if target != MUSL {
        cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    }
    built(cargo, target, &target_dir())
}

/// Has cargo build the release program below `dir`.
fn built(mut cargo: Command, target: &str, dir: &Path) -> Result<PathBuf, Stop> {
    cargo.args(["build", "--release", "--package", "komod", "--bin", "kmod"]);
    programs::run(cargo.args(["--target", target]).current_dir(workspace()))?;
    Ok(dir.join(target).join("release/kmod"))
}

/// Prints the program's size; fails above the ceiling.
pub fn size(program: &Path) -> Result<Tally, Stop> {
    let bytes = std::fs::metadata(program).map_err(Stop::io(program.display()))?.len();
    let musl = program.iter().any(|part| part == MUSL);
    let ceiling = if musl { CEILING } else { CEILING_OTHER };
    println!("the release program has {bytes} bytes, at most {ceiling} are allowed");
    let mut tally = Tally::default();
    tally.count(bytes <= ceiling);
    Ok(tally)
}

/// Whether programs can be built for musl here; adds the target by rustup if
/// only that is missing.
fn has_musl() -> bool {
    if install::ensure(install::MUSL).is_err() {
        return false;
    }
    let sysroot = programs::text(Command::new("rustc").args(["--print", "sysroot"]));
    let there = sysroot.is_ok_and(|root| {
        Path::new(root.trim()).join("lib/rustlib").join(MUSL).join("lib").is_dir()
    });
    there || programs::text(Command::new("rustup").args(["target", "add", MUSL])).is_ok()
}
