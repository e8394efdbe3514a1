//! The cases of `tests/cases` on komod and on the originals.
//!
//! `cargo xtask test original` proves the expectations, `cargo xtask test cases`
//! holds komod to them; `cargo xtask case PROGRAM [FILTER]` runs a few while they
//! are written, `UPDATE=1` before it rewrites expectations from an original.

use std::path::PathBuf;
use std::process::Command;

use komod_cases::sandbox::Output;
use komod_cases::{Case, Program, Suite, Trouble};

use crate::fetch::{Debian12, Debian13, Original};
use crate::libkmod::Library;
use crate::libkmod::ask::{Ask, Header};
use crate::outcome::{Stop, Tally};
use crate::workspace::workspace;
use crate::{binary, programs};

/// What `cargo xtask case` takes.
const PROGRAMS: &str = "ours, shipped, 34.2, 30, libkmod or libkmod-34.2";

/// komod, as debug built, on every case.
///
/// The trees are prepared by komod's own depmod, or with `CASES_DEPMOD=original` by
/// that of 34.2, which tells a fault of depmod from one of another tool.
pub fn ours() -> Result<Tally, Stop> {
    run(&komod()?, "", false)
}

/// The release program, static where it can be, on the cases in which the C library
/// has a hand: syslog, descriptors that are closed, output that fails.
pub fn shipped() -> Result<Tally, Stop> {
    let program = Program::ours(binary::release()?).with_depmod_of(&komod()?);
    run_if(&program, "", false, |case| {
        let by_the_c_library = !case.expected.syslog.is_empty()
            || case.output != Output::Caught
            || case.closed.iter().any(|set| !set.is_empty());
        by_the_c_library && !case.is_of_library()
    })
}

/// Both originals on every case that counts for them.
pub fn original() -> Result<Tally, Stop> {
    let mut tally = run(&kmod_34()?, "", false)?;
    tally.add(run(&kmod_30()?, "", false)?);
    Ok(tally)
}

/// `cargo xtask case PROGRAM [FILTER]`: `ours`, `shipped` (the release program), `34.2`
/// or `30`, `libkmod` or `libkmod-34.2`, and part of a case's name. True if nothing failed.
pub fn some(words: &[String]) -> Result<bool, Stop> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (program, filter) = match words.as_slice() {
        [program] => (*program, ""),
        [program, filter] => (*program, *filter),
        _ => return Err(Stop::Failed(format!("one of {PROGRAMS} expected, then a filter"))),
    };
    let library = program.starts_with("libkmod");
    let program = match program {
        "ours" => komod()?,
        "shipped" => Program::ours(binary::release()?),
        "34.2" => kmod_34()?,
        "30" => kmod_30()?,
        "libkmod" => {
            let library = Library::debug()?;
            Ask::build(Header::Ours)?.program(&library)?.with_depmod_of(&komod()?)
        }
        "libkmod-34.2" => Ask::build(Header::Ours)?.original_program().with_depmod_of(&kmod_34()?),
        _ => return Err(Stop::Failed(format!("no program {program}: {PROGRAMS}"))),
    };
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let tally = match library {
        true => run_if(&program, filter, update, Case::is_of_library)?,
        false => run(&program, filter, update)?,
    };
    println!("{}: {} passed, {} failed", program.name, tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

fn run(program: &Program, filter: &str, update: bool) -> Result<Tally, Stop> {
    run_if(program, filter, update, |case| !case.is_of_library())
}

/// The cases of the library on komod's, and whether they are true of the original's.
pub fn of_library(ask: &Ask, library: &Library) -> Result<Tally, Stop> {
    let original = ask.original_program().with_depmod_of(&kmod_34()?);
    let mut tally = run_if(&original, "", false, Case::is_of_library)?;
    let ours = ask.program(library)?.with_depmod_of(&komod()?);
    tally.add(run_if(&ours, "", false, Case::is_of_library)?);
    Ok(tally)
}

/// As [`run`], the cases that `wanted` wants: none are an error.
fn run_if(
    program: &Program,
    filter: &str,
    update: bool,
    wanted: impl Fn(&Case) -> bool,
) -> Result<Tally, Stop> {
    let failed = |trouble: Trouble| Stop::Failed(trouble.0);
    let dir = workspace().join("tests/cases");
    let mut cases = Case::all(&dir, filter, update).map_err(failed)?;
    cases.retain(wanted);
    if cases.is_empty() {
        return Err(Stop::Failed("no such case".into()));
    }
    let verdicts = Suite { program, update }.judge(&cases).map_err(failed)?;
    let mut tally = Tally::default();
    for verdict in verdicts {
        tally.count(verdict.failure.is_none());
        if let Some(difference) = verdict.failure {
            print!("FAIL {} ({})\n{difference}", verdict.case, program.name);
        }
    }
    Ok(tally)
}

/// Builds komod and names the file.
fn komod() -> Result<Program, Stop> {
    let ours = Program::ours(debug_program()?);
    match std::env::var_os("CASES_DEPMOD") {
        Some(who) if who == "original" => Ok(ours.with_depmod_of(&kmod_34()?)),
        _ => Ok(ours),
    }
}

/// Builds komod as the cases run it and names the file.
pub fn debug_program() -> Result<PathBuf, Stop> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    build.args(["build", "--quiet", "--bin", "kmod"]).current_dir(workspace());
    programs::run(&mut build)?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), PathBuf::from);
    Ok(target.join("debug/kmod"))
}

fn kmod_34() -> Result<Program, Stop> {
    Ok(unpacked("34.2", &Debian13::fetch()?.original))
}

fn kmod_30() -> Result<Program, Stop> {
    Ok(unpacked("30", &Debian12::fetch()?.original))
}

fn unpacked(version: &str, original: &Original) -> Program {
    Program::unpacked(version, original.program(), original.loader(), original.libraries())
}
