//! The test driver: `cargo xtask test [PART...] [--without PART]`.
//!
//! A part that cannot run on this machine is named at the end with its
//! reason, and the whole fails unless it was left out on purpose: a green run
//! means that everything was seen.

use std::time::{Duration, Instant};

use crate::binary;
use crate::cargo_test::cargo_test;
use crate::outcome::{Stop, Tally};
use crate::workspace::workspace;
use crate::{
    boot, cases, compare, consumers, damage, debian, dist, faults, fuzz, install, instructions,
    islands, libkmod, manual, powercut, shells, supply, trees, vm,
};

/// One part of the tests.
pub struct Part {
    /// The word on the command line.
    pub name: &'static str,
    /// What it proves, in a line.
    pub proves: &'static str,
    /// Runs it and counts its checks; prints each that fails.
    pub run: fn() -> Result<Tally, Stop>,
}

/// All parts, the quick ones first.
pub const PARTS: &[Part] = &[
    Part { name: "tidy", proves: "the rules of the house hold", run: tidy },
    Part { name: "unit", proves: "each crate's own tests", run: unit },
    Part { name: "fuzz", proves: "hostile bytes get answers", run: fuzz::part },
    Part { name: "supply", proves: "what comes from outside is allowed", run: supply::part },
    Part { name: "islands", proves: "unsafe code keeps within its bounds", run: islands::part },
    Part { name: "man", proves: "the manual pages are well formed", run: manual::part },
    Part { name: "original", proves: "the cases are true of kmod", run: cases::original },
    Part { name: "cases", proves: "komod does what the cases say", run: cases::ours },
    Part { name: "shipped", proves: "so does the static program", run: cases::shipped },
    Part { name: "libkmod", proves: "libkmod.so.2 answers C programs", run: libkmod::judge::part },
    Part { name: "faults", proves: "depmod never loses a database", run: faults::part },
    Part { name: "damage", proves: "damaged files and bombs end soon", run: damage::part },
    Part { name: "compare", proves: "modprobe and modinfo answer as kmod's", run: compare::part },
    Part { name: "trees", proves: "depmod leaves the original's files", run: trees::part },
    Part { name: "shells", proves: "shells complete the tools' words", run: shells::part },
    Part { name: "size", proves: "the shipped program stays small", run: size },
    Part { name: "instructions", proves: "no command costs more", run: instructions::part },
    Part { name: "dist", proves: "the installed program works alone", run: dist::part },
    Part { name: "packages", proves: "apt swaps kmod and komod", run: debian::judge::part },
    Part { name: "consumers", proves: "Debian works with komod", run: consumers::part },
    Part { name: "boot", proves: "Debian boots with komod's packages", run: boot::part },
    Part { name: "vm-original", proves: "the scenarios are true of kmod", run: vm::original },
    Part { name: "powercut", proves: "a database outlives a power cut", run: powercut::part },
    Part { name: "vm", proves: "a real kernel accepts komod", run: vm::ours },
];

/// How a part ended.
enum Ended {
    Ran(Tally),
    NotRun(String),
    Broke(String),
    LeftOut,
}

/// Runs the parts named, or all. True if nothing failed and nothing asked
/// for was impossible here.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    if words.iter().any(|w| w == "--help") {
        println!("usage: cargo xtask test [PART...] [--without PART]\n");
        PARTS.iter().for_each(|p| println!("  {:<14}{}", p.name, p.proves));
        return Ok(true);
    }
    let (chosen, without) = choose(words)?;
    let mut results = Vec::new();
    for part in PARTS {
        if without.contains(&part.name) {
            results.push((part.name, Ended::LeftOut, Duration::ZERO));
        } else if chosen.is_empty() || chosen.contains(&part.name) {
            println!("== {}: {}", part.name, part.proves);
            let start = Instant::now();
            let ended = match (part.run)() {
                Ok(tally) => Ended::Ran(tally),
                Err(Stop::NotHere(why)) => Ended::NotRun(why),
                Err(Stop::Failed(why)) => {
                    println!("{}: {why}", part.name);
                    Ended::Broke(why)
                }
            };
            results.push((part.name, ended, start.elapsed()));
        }
    }
    println!("\n== summary");
    let (total, complete) = summarise(&results);
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(complete && total.failed == 0)
}

/// One line a part; the sum, and whether every part that was asked for ran.
fn summarise(results: &[(&str, Ended, Duration)]) -> (Tally, bool) {
    let mut total = Tally::default();
    let mut complete = true;
    for (name, ended, took) in results {
        let seconds = took.as_secs_f64();
        match ended {
            Ended::Ran(tally) => {
                total.add(*tally);
                let word = if tally.failed == 0 { "passed" } else { "FAILED" };
                let Tally { passed, failed } = tally;
                println!("{name:<14}{word}: {passed} passed, {failed} failed, {seconds:.1} s");
            }
            Ended::NotRun(why) => {
                complete = false;
                println!("{name:<14}NOT RUN: {why} (leave it out with --without {name})");
            }
            Ended::Broke(why) => {
                total.failed += 1;
                println!("{name:<14}FAILED: {why}, {seconds:.1} s");
            }
            Ended::LeftOut => println!("{name:<14}left out (--without {name})"),
        }
    }
    (total, complete)
}

/// The parts named, and those left out.
fn choose(words: &[String]) -> Result<(Vec<&'static str>, Vec<&'static str>), Stop> {
    let part = |word: &str| {
        PARTS.iter().map(|p| p.name).find(|name| *name == word).ok_or_else(|| {
            let names: Vec<_> = PARTS.iter().map(|p| p.name).collect();
            Stop::Failed(format!("no part {word:?}; there are: {}", names.join(" ")))
        })
    };
    let (mut chosen, mut without) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--without" {
            let name = words.next().ok_or(Stop::Failed("--without needs a part".into()))?;
            without.push(part(name)?);
        } else {
            chosen.push(part(word)?);
        }
    }
    Ok((chosen, without))
}

/// Every test of the workspace but the rules of the house.
fn unit() -> Result<Tally, Stop> {
    install::ensure(install::STRACE)?;
    let mut tally = cargo_test(&["--workspace", "--exclude", "komod"])?;
    let mut words = vec!["--package", "komod", "--lib"];
    let tests = workspace().join("tests");
    let entries = std::fs::read_dir(&tests).map_err(Stop::io(tests.display()))?;
    let files = entries.flatten().filter_map(|e| e.file_name().into_string().ok());
    let names: Vec<String> = files
        .filter_map(|f| f.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "tidy")
        .collect();
    for name in &names {
        words.extend(["--test", name]);
    }
    tally.add(cargo_test(&words)?);
    Ok(tally)
}

/// `tests/tidy.rs`.
fn tidy() -> Result<Tally, Stop> {
    cargo_test(&["--package", "komod", "--test", "tidy"])
}

/// The size of the release program.
fn size() -> Result<Tally, Stop> {
    binary::size(&binary::release()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_chosen_by_name() {
        let words = |w: &[&str]| w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(choose(&words(&["unit"])).unwrap(), (vec!["unit"], vec![]));
        assert_eq!(choose(&words(&["--without", "unit"])).unwrap(), (vec![], vec!["unit"]));
        assert!(choose(&words(&["nosuch"])).is_err());
        assert!(choose(&words(&["--without"])).is_err());
    }

    #[test]
    fn a_part_that_did_not_run_makes_the_whole_incomplete() {
        let not_run = [("vm", Ended::NotRun("no QEMU".into()), Duration::ZERO)];
        assert!(!summarise(&not_run).1);
        let left_out = [("vm", Ended::LeftOut, Duration::ZERO)];
        assert!(summarise(&left_out).1);
        let broke = [("vm", Ended::Broke("x".into()), Duration::ZERO)];
        assert_eq!(summarise(&broke).0.failed, 1);
    }
}
