//! The part `islands`: the unsafe code under valgrind, which sees each read and
//! write beyond what is there.
//!
//! Miri sees more, but not all of them: one island is assembly, one maps a file, some are
//! entered from C. The one that is nothing but Rust runs under Miri too, where the nightly
//! toolchain that has it is installed. What C programs do with the library runs under
//! valgrind in the part `libkmod`.

use std::process::Command;

use crate::cargo_test::{cargo_test_under, counted_run};
use crate::install::{self, VALGRIND};
use crate::outcome::{Stop, Tally};
use crate::workspace::workspace;
use crate::{cases, programs};

/// valgrind's words: its status tells of an error.
const WORDS: [&str; 3] = ["--quiet", "--error-exitcode=99", "--leak-check=no"];

/// The unit tests of an island: package and the beginning of their names.
const TESTS: &[(&str, &str)] = &[
    ("komod", "heap::"),
    ("komod", "memory::"),
    ("komod-index", "map::"),
    ("komod-libkmod", "abi::"),
];

/// What Miri can run of them.
const UNDER_MIRI: (&str, &str) = ("komod-libkmod", "abi::");
/// A panic's own words are never given back where it ends at C's edge.
const MIRI_FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-ignore-leaks";

/// The tests of each island, and the program itself from its entry to its end.
pub fn part() -> Result<Tally, Stop> {
    install::ensure(VALGRIND)?;
    let mut tally = Tally::default();
    let runner = format!("{} {}", VALGRIND.program, WORDS.join(" "));
    for (package, tests) in TESTS {
        let words = ["--package", package, "--lib", "--", tests];
        let ran = cargo_test_under(Some(&runner), &words)?;
        if ran.passed == 0 {
            println!("FAIL no test of {package} begins with {tests}");
            tally.failed += 1;
        }
        tally.add(ran);
    }
    tally.count(entry()?);
    tally.add(under_miri()?);
    Ok(tally)
}

/// The tests that Miri can run; says so where there is none, which is no failure.
fn under_miri() -> Result<Tally, Stop> {
    let miri = |words: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo", "miri"]).args(words);
        // What is not here is not fetched.
        command.env("RUSTUP_AUTO_INSTALL", "0").env("MIRIFLAGS", MIRI_FLAGS);
        command.env_remove("RUSTUP_TOOLCHAIN").current_dir(workspace());
        command
    };
    let (package, tests) = UNDER_MIRI;
    if !programs::output(&mut miri(&["--version"])).is_ok_and(|said| said.status.success()) {
        println!("{package}, {tests}: valgrind alone; rustup's nightly with miri is not here");
        return Ok(Tally::default());
    }
    println!("{package}, {tests}: under Miri too");
    counted_run(&mut miri(&["test", "--package", package, "--lib", "--", tests]))
}

/// Whether the process entry and a whole run are clean, also with
/// closed descriptors.
fn entry() -> Result<bool, Stop> {
    let program = cases::debug_program()?;
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    for name in ["kmod", "modprobe"] {
        let link = scratch.path().join(name);
        std::os::unix::fs::symlink(&program, &link).map_err(Stop::io(link.display()))?;
    }
    let words = WORDS.join(" ");
    let script = format!(
        "valgrind {words} ./kmod help >/dev/null || exit
        valgrind {words} ./modprobe <&- >&-; [ $? = 1 ] || exit
        valgrind {words} ./modprobe -c >/dev/null"
    );
    let output =
        programs::output(Command::new("sh").args(["-c", &script]).current_dir(scratch.path()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let held = output.status.success() && !said.contains("==");
    if !held {
        println!("FAIL the program under valgrind: {}\n{said}", output.status);
    }
    Ok(held)
}
