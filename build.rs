//! What the linker is told of the static program.
//!
//! Nothing unwinds in it: the tables for that, a twelfth of its size, are left out. Its
//! relocations are packed where the C library that comes with the compiler can unpack
//! them.

use std::env;
use std::process::Command;

/// The first compiler whose musl (1.2.5) reads packed relocations.
const UNPACKS: u32 = 93;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/unwind.ld");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    let shipped = is("CARGO_CFG_TARGET_ENV", "musl") && is("PROFILE", "release");
    if !shipped || !is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        return;
    }
    let Ok(root) = env::var("CARGO_MANIFEST_DIR") else { return };
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{root}/src/unwind.ld");
    if minor_version().is_some_and(|minor| minor >= UNPACKS) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// `95` of `rustc 1.95.0 (...)`.
fn minor_version() -> Option<u32> {
    let said = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    String::from_utf8(said.stdout).ok()?.split('.').nth(1)?.parse().ok()
}
