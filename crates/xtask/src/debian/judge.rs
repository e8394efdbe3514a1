//! The packages judged: by lintian, by apt and dpkg of Debian 12 and 13, and by who
//! looks for modprobe meanwhile. `judge.sh` is what happens inside the systems.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::install::{self, Need};
use crate::libkmod::Library;
use crate::outcome::{Stop, Tally};
use crate::packages::{self, AptLock, Suite};
use crate::system::{BOOKWORM, Release, System, TRIXIE};
use crate::{dist, programs};

const LINTIAN: Need = Need { program: "lintian", package: "lintian" };

/// The packages in whose place ours stand.
const ORIGINALS: [&str; 2] = ["kmod", "libkmod2"];

/// The part of the tests.
pub fn part() -> Result<Tally, Stop> {
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let dir = scratch.path().join("dist");
    fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    let made = dist::make(&dir)?;
    let debs: Vec<PathBuf> = made.into_iter().filter(|file| is_deb(file)).collect();
    let mut tally = Tally::default();
    tally.add(same_again(&dir, &debs, scratch.path())?);
    tally.add(lintian(&debs)?);
    let systems = [("12", BOOKWORM), ("13", TRIXIE)];
    let mut prepared = Vec::new();
    // One after the other: both may have to be fetched.
    for (number, release) in systems {
        prepared.push((number, System::of(release)?, originals(release)?));
    }
    let said = thread::scope(|scope| {
        let threads: Vec<_> = prepared
            .iter()
            .map(|(number, system, theirs)| scope.spawn(|| inside(number, system, &debs, theirs)))
            .collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for (said, (number, ..)) in said.into_iter().zip(&prepared) {
        let said = said.unwrap_or_else(|_| Err(Stop::Failed("a system broke".into())))?;
        tally.add(counted(number, &said));
    }
    Ok(tally)
}

/// Whether the same files give the same packages.
fn same_again(dir: &Path, debs: &[PathBuf], scratch: &Path) -> Result<Tally, Stop> {
    let again = scratch.join("again");
    fs::create_dir_all(&again).map_err(Stop::io(again.display()))?;
    let copies = super::make(&again, &dir.join(dist::name()), &Library::release()?)?;
    let mut tally = Tally::default();
    for (one, other) in debs.iter().zip(&copies) {
        let read = |file: &Path| fs::read(file).map_err(Stop::io(file.display()));
        let same = read(one)? == read(other)?;
        tally.count(same);
        if !same {
            println!("FAIL {} differs when it is made again", one.display());
        }
    }
    tally.count(debs.len() == 4 && copies.len() == 4);
    Ok(tally)
}

/// What lintian says of the packages; errors and warnings are failures.
fn lintian(debs: &[PathBuf]) -> Result<Tally, Stop> {
    install::ensure(LINTIAN)?;
    let mut lintian = Command::new(LINTIAN.program);
    let output = programs::output(lintian.args(["--fail-on", "error,warning"]).args(debs))?;
    let held = output.status.success();
    if !held {
        println!("FAIL lintian: {}", String::from_utf8_lossy(&output.stdout));
    }
    let mut tally = Tally::default();
    tally.count(held);
    Ok(tally)
}

/// The original packages of a release, downloaded once.
fn originals(release: Release) -> Result<PathBuf, Stop> {
    let dir = packages::cache()?.join(format!("originals-{}", release.suite));
    if !dir.is_dir() {
        let lock = AptLock::take()?;
        let suite = Suite::open(release.suite, &lock)?;
        packages::once(&dir, |fresh| suite.download(&ORIGINALS, fresh))?;
    }
    Ok(dir)
}

/// What the script says in a copy of the system.
fn inside(number: &str, system: &System, debs: &[PathBuf], theirs: &Path) -> Result<String, Stop> {
    let copy = system.copy(&format!("packages-{number}"))?;
    let (own, other) = (copy.root.join("debs/ours"), copy.root.join("debs/theirs"));
    for dir in [&own, &other] {
        fs::create_dir_all(dir).map_err(Stop::io(dir.display()))?;
    }
    let entries = fs::read_dir(theirs).map_err(Stop::io(theirs.display()))?;
    let theirs = entries.flatten().map(|entry| entry.path()).filter(|file| is_deb(file));
    for (dir, file) in
        debs.iter().map(|file| (&own, file.clone())).chain(theirs.map(|file| (&other, file)))
    {
        let to = dir.join(file.file_name().map(OsString::from).unwrap_or_default());
        fs::copy(&file, &to).map_err(Stop::io(to.display()))?;
    }
    copy.run(include_str!("judge.sh"), &[number])
}

fn is_deb(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "deb")
}

/// Counts what the script says; prints what does not hold.
fn counted(number: &str, said: &str) -> Tally {
    let mut tally = Tally::default();
    for line in said.lines() {
        if line.starts_with("ok ") {
            tally.count(true);
            if line.contains(" looked ") || line.starts_with("ok looked") {
                println!("Debian {number}: {}", line.trim_start_matches("ok "));
            }
        } else {
            tally.failed += usize::from(line.starts_with("FAIL "));
            println!("Debian {number}: {line}");
        }
    }
    // A script that ended early would be the best way to pass.
    let whole = said.lines().any(|line| line.contains("but for /etc/modules"));
    tally.count(whole);
    if !whole {
        println!("FAIL Debian {number}: the script did not come to its end");
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_counted() {
        let whole = "ok a\nok looked 5 times\nok but for /etc/modules\n";
        assert_eq!(counted("13", whole), Tally { passed: 4, failed: 0 });
        let failed = "FAIL b: x\n  more\nok but for /etc/modules\n";
        assert_eq!(counted("13", failed), Tally { passed: 2, failed: 1 });
        assert_eq!(counted("13", "ok a\n").failed, 1);
    }
}
