//! The program that libFuzzer drives, built by the stable compiler.
//!
//! Coverage of branches and comparisons is a pass of LLVM that stable Rust lets one
//! name. Only the address sanitizer, which sees what the `unsafe` code of
//! decompressors does, has to be unlocked (`RUSTC_BOOTSTRAP`); the crates that build C
//! hand it on to its compiler. Where the toolchain lacks its library it is left out,
//! and said so. cargo-fuzz would do the same with
//! the same flags, and would first have to be compiled.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{self, Need};
use crate::outcome::Stop;
use crate::programs;
use crate::workspace::workspace;

/// libFuzzer is C++.
const CXX: Need = Need { program: "g++", package: "g++" };

const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds it and returns its path.
///
/// [`Stop::NotHere`] where no C++ compiler can be had.
pub fn build() -> Result<PathBuf, Stop> {
    install::ensure(CXX)?;
    let host = host()?;
    let mut flags = COVERAGE.to_vec();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    if has_address_sanitizer(&host)? {
        flags.push("-Zsanitizer=address");
        cargo.env("RUSTC_BOOTSTRAP", "1");
    } else {
        println!("fuzz: without the address sanitizer, whose library this toolchain lacks");
    }
    eprintln!("building the fuzzer; the first time takes two or three minutes");
    // Apart from all else, for nothing else has these flags. They are not for build
    // scripts, hence the target by its name.
    let dir = target_dir().join("fuzz");
    cargo.args(["build", "--quiet", "--locked", "--profile", "fuzz", "--package", "komod-fuzz"]);
    cargo.args(["--features", "libfuzzer", "--bin", "komod-fuzz", "--target", &host]);
    cargo.arg("--target-dir").arg(&dir).env("RUSTFLAGS", flags.join(" "));
    programs::run(cargo.current_dir(workspace()))?;
    Ok(dir.join(host).join("fuzz/komod-fuzz"))
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}

/// The triple of this machine's compiler.
fn host() -> Result<String, Stop> {
    let said = programs::text(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Stop::Failed("rustc -vV names no host".into()))
}

fn has_address_sanitizer(host: &str) -> Result<bool, Stop> {
    let root = programs::text(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(root.trim()).join("lib/rustlib").join(host).join("lib");
    let entries = std::fs::read_dir(&libraries).map_err(Stop::io(libraries.display()))?;
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with("_rt.asan.a")))
}
