//! Seeds and what was ever found, through every target and within its limits: with
//! any compiler, as fast as tests are.
#![allow(clippy::restriction)]

use std::fs;
use std::path::Path;

use komod_fuzz::{TARGETS, Target};

/// What was found once: names `TARGET.WHAT`, and bytes.
fn regressions() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "README.md")
        .collect()
}

#[test]
fn seeds_break_no_promise() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}: nothing to begin with", target.name);
        for input in seeds {
            assert!(input.len() <= target.longest, "{}: {} bytes", target.name, input.len());
            target.try_input(&input);
        }
    }
}

#[test]
fn what_was_found_once_is_mended() {
    for (name, input) in regressions() {
        let target = name.split('.').next().and_then(Target::of_name);
        target.unwrap_or_else(|| panic!("{name} is of no target")).try_input(&input);
    }
}

#[test]
fn the_trap_closes() {
    komod_fuzz::TRAP.try_input(b"\x07tr?");
    assert!(std::panic::catch_unwind(|| komod_fuzz::TRAP.try_input(b"\x07tr!")).is_err());
}

#[test]
fn seeds_are_the_same_on_every_run() {
    for target in TARGETS {
        assert!((target.seeds)() == (target.seeds)(), "{}", target.name);
    }
}

#[test]
fn limits_are_held() {
    // So much that what another test needs meanwhile does not matter.
    let megabytes = |count: usize| drop(std::hint::black_box(vec![1_u8; count << 20]));
    let over = komod_fuzz::Limits { memory: 8 << 20, ..komod_fuzz::Limits::PROMISED };
    over.hold(0, || megabytes(1));
    let held = std::panic::catch_unwind(|| over.hold(0, || megabytes(32)));
    assert!(held.is_err(), "32 are more than 8");
    let over = komod_fuzz::Limits { time: std::time::Duration::ZERO, ..over };
    assert!(std::panic::catch_unwind(|| over.hold(0, || ())).is_err(), "no time at all");
}
