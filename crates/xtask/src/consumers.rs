//! The programs that use module tools or the library, as Debian packages them: each
//! runs with komod and with the original as the system's only module tools and
//! library, and must leave the same.
//!
//! `consumers.sh` says what they do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::libkmod::Library;
use crate::outcome::{Stop, Tally};
use crate::system::{self, Copy, System};
use crate::{binary, fetch, programs};

/// The functions of the script, in the order in which they run.
const CONSUMERS: [&str; 5] =
    ["initramfs_tools", "dracut_core", "dkms_modules", "modules_install", "of_the_library"];

/// Where the system has its library.
const LIBRARY: &str = "usr/lib/x86_64-linux-gnu/libkmod.so.2.5.1";

/// A list of modules that is shorter is no image of a kernel.
const FEWEST_MODULES: usize = 500;

/// Runs both sides, one beside the other, and compares.
pub fn part() -> Result<Tally, Stop> {
    let system = System::fetch()?;
    let own = (binary::release()?, Library::release()?);
    let lspci = fetch::lspci()?;
    let (ours, theirs) = thread::scope(|scope| {
        let ours = scope.spawn(|| side(&system, "komod", &lspci, Some(&own)));
        let theirs = scope.spawn(|| side(&system, "original", &lspci, None));
        (ours.join(), theirs.join())
    });
    let ended = |side: thread::Result<Result<Copy, Stop>>| {
        side.unwrap_or_else(|_| Err(Stop::Failed("a side of the comparison broke".into())))
    };
    let (ours, theirs) = (ended(ours)?, ended(theirs)?);
    let (ours, theirs) = (results(&ours.root), results(&theirs.root));
    let mut tally = Tally::default();
    // That the wrong program ran would be the best way to pass.
    let version = |of: &Path| fs::read_to_string(of.join("version")).unwrap_or_default();
    let each = version(&ours).contains("komod") && version(&theirs).starts_with("kmod version ");
    let right = each && !version(&theirs).contains("komod");
    tally.count(right);
    if !right {
        println!("the tools in the systems are not komod and the original");
    }
    for name in CONSUMERS {
        judge(name, &ours, &theirs, &mut tally)?;
    }
    Ok(tally)
}

/// A copy of the system in which everything has run.
fn side(
    system: &System,
    name: &str,
    lspci: &Path,
    own: Option<&(PathBuf, Library)>,
) -> Result<Copy, Stop> {
    let copy = system.copy(name)?;
    programs::run(Command::new("cp").arg("-a").arg(lspci.join("usr")).arg(&copy.root))?;
    if let Some((program, library)) = own {
        system::replace(&copy.root.join("usr/bin/kmod"), program)?;
        system::replace(&copy.root.join(LIBRARY), &library.file())?;
    }
    copy.run(include_str!("consumers.sh"), &CONSUMERS)?;
    Ok(copy)
}

fn results(root: &Path) -> PathBuf {
    root.join("results")
}

/// Compares what came of one consumer; prints each difference, and what the
/// consumer said where it failed.
fn judge(name: &str, ours: &Path, theirs: &Path, tally: &mut Tally) -> Result<(), Stop> {
    let mut wrong = Vec::new();
    for (who, of) in [("komod", ours), ("the original", theirs)] {
        let status = fs::read_to_string(of.join(name).join("status")).unwrap_or_default();
        tally.count(status == "0\n");
        if status != "0\n" {
            let log = fs::read_to_string(of.join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(8)..].join("\n    ");
            wrong.push(format!("fails with {who}:\n    {end}"));
        }
    }
    let (ours, theirs) = (ours.join(name), theirs.join(name));
    let names: BTreeSet<String> = file_names(&ours).chain(file_names(&theirs)).collect();
    for file in &names {
        let same = match (fs::read(ours.join(file)), fs::read(theirs.join(file))) {
            (Ok(own), Ok(other)) => own == other,
            _ => false,
        };
        tally.count(same);
        if !same {
            wrong.push(format!("differs: {file}{}", first_difference(&ours, &theirs, file)));
        }
    }
    let mut about = format!("{} files", names.len());
    if let Ok(list) = fs::read_to_string(theirs.join("modules")) {
        let modules = list.lines().count();
        about = format!("{modules} modules in the image, {about}");
        tally.count(modules >= FEWEST_MODULES);
        if modules < FEWEST_MODULES {
            wrong.push("too few modules".into());
        }
    }
    println!("{name}: {about}: {}", if wrong.is_empty() { "the same" } else { "DIFFERENT" });
    for what in wrong {
        println!("  {what}");
    }
    Ok(())
}

fn file_names(dir: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// The first lines in which two texts differ.
fn first_difference(ours: &Path, theirs: &Path, file: &str) -> String {
    let text = |dir: &Path| fs::read_to_string(dir.join(file)).ok();
    let (Some(own), Some(other)) = (text(ours), text(theirs)) else {
        return String::new();
    };
    let (own, other): (Vec<&str>, Vec<&str>) = (own.lines().collect(), other.lines().collect());
    let at = own.iter().zip(&other).take_while(|(own, other)| own == other).count();
    let line = |lines: &[&str]| (*lines.get(at).unwrap_or(&"(its end)")).to_owned();
    format!(":{}\n    komod:    {}\n    original: {}", at + 1, line(&own), line(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tally of a comparison of these two sides.
    fn judged(ours: &[(&str, &str)], theirs: &[(&str, &str)]) -> Tally {
        let scratch = tempfile::tempdir().unwrap();
        for (side, files) in [("ours", ours), ("theirs", theirs)] {
            let dir = scratch.path().join(side).join("it");
            fs::create_dir_all(&dir).unwrap();
            for (name, text) in files {
                fs::write(dir.join(name), text).unwrap();
            }
        }
        let mut tally = Tally::default();
        judge("it", &scratch.path().join("ours"), &scratch.path().join("theirs"), &mut tally)
            .unwrap();
        tally
    }

    #[test]
    fn whatever_differs_or_fails_is_counted() {
        let good = [("status", "0\n"), ("dep", "a:\nb:\n")];
        assert_eq!(judged(&good, &good), Tally { passed: 4, failed: 0 });
        assert_eq!(judged(&good, &[("status", "0\n"), ("dep", "a:\n")]).failed, 1);
        assert_eq!(judged(&good, &good[..1]).failed, 1);
        // Both fail alike: nothing was shown.
        let bad = [("status", "1\n")];
        assert_eq!(judged(&bad, &bad).failed, 2);
        let short = [("status", "0\n"), ("modules", "./a.ko\n")];
        assert_eq!(judged(&short, &short).failed, 1);
        assert_eq!(judged(&[], &[]).failed, 2);
    }

    #[test]
    fn every_consumer_is_a_function_of_the_script() {
        let script = include_str!("consumers.sh");
        for name in CONSUMERS {
            assert!(script.contains(&format!("\n{name}() {{\n")), "{name}");
        }
    }
}
