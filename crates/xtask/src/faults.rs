//! depmod and a world that fails it: a file system that refuses one call or is
//! full, a kill at any moment, others that do the same. After each of them every
//! file of the database is wholly the old one or wholly the new one, and all
//! the while readers find every module.

mod full;
mod ground;
mod kills;
mod readers;
mod sweep;
mod together;

use std::path::Path;
use std::time::Instant;

use ground::Ground;

use crate::cases;
use crate::outcome::{Stop, Tally};

/// Runs all of it on komod as debug built.
pub fn part() -> Result<Tally, Stop> {
    let program = cases::debug_program()?;
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let ground = Ground::prepare(scratch.path(), &program)?;
    let other = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let cached =
        Ground::prepare(other.path(), &program)?.with_cache(&other.path().join("cache"))?;
    let all: [(&str, &Ground, Check); 9] = [
        ("calls to read that fail", &ground, sweep::every_look),
        ("calls that fail, calls it is killed at", &ground, sweep::every_call),
        ("kills at random moments", &ground, kills::random),
        ("the same with a cache", &cached, kills::random),
        ("runs at the same time", &ground, together::rounds),
        ("the same with a cache", &cached, together::rounds),
        ("modules that come between two runs", &ground, together::lost_updates),
        ("the same with a cache", &cached, together::lost_updates),
        ("a file system that is full, or only read", &ground, full::disks),
    ];
    let mut tally = Tally::default();
    for (about, ground, check) in all {
        let start = Instant::now();
        let mut findings = Findings::default();
        check(ground, &mut findings)?;
        findings.judge("the cache", ground.wrong_with_the_cache()?.as_slice());
        let Tally { passed, failed } = findings.tally;
        let seconds = start.elapsed().as_secs_f64();
        println!("{about}: {passed} passed, {failed} failed, {seconds:.1} s; {}", findings.note);
        tally.add(findings.tally);
    }
    Ok(tally)
}

type Check = fn(&Ground, &mut Findings) -> Result<(), Stop>;

/// What was checked, and what did not hold; the first of it is printed.
#[derive(Default)]
struct Findings {
    tally: Tally,
    /// Figures for the reader.
    note: String,
}

impl Findings {
    /// One more check: of `what`, held if nothing is in `wrong`.
    fn judge(&mut self, what: impl std::fmt::Display, wrong: &[String]) {
        self.tally.count(wrong.is_empty());
        if !wrong.is_empty() && self.tally.failed <= 20 {
            println!("FAIL {what}: {}", wrong.join("; "));
        }
    }
}

/// Reads a file that may not be there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Stop> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Stop::io(path.display())(error)),
    }
}
