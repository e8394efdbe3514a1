//! The part `man`: every manual page as mandoc judges it.
//!
//! That the pages are whole and name what there is, is tested without mandoc.

use std::path::Path;
use std::process::Command;

use crate::install::{self, Need};
use crate::outcome::{Stop, Tally};
use crate::programs;
use crate::workspace::workspace;

const MANDOC: Need = Need { program: "mandoc", package: "mandoc" };

/// A page with a mistake that only deserves a warning.
const SPOILT: &str =
    ".Dd January 1, 2026\n.Dt SPOILT 8\n.Os\n.Sh NAME\n.Nm spoilt\n.Nd a page\n.Nosuch\n";

/// Every page of `man`; before them a spoilt one, which mandoc has to tell.
pub fn part() -> Result<Tally, Stop> {
    install::ensure(MANDOC)?;
    let mut tally = Tally::default();
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let spoilt = scratch.path().join("spoilt.8");
    std::fs::write(&spoilt, SPOILT).map_err(Stop::io(spoilt.display()))?;
    let told = complaints(&spoilt)?;
    tally.count(told.contains("Nosuch"));
    if tally.failed > 0 {
        println!("FAIL mandoc passes a spoilt page: {told}");
    }
    let dir = workspace().join("man");
    let entries = std::fs::read_dir(&dir).map_err(Stop::io(dir.display()))?;
    let mut pages: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    pages.sort();
    for page in pages {
        let told = complaints(&page)?;
        tally.count(told.is_empty());
        if !told.is_empty() {
            println!("FAIL {}\n{told}", page.display());
        }
    }
    Ok(tally)
}

/// What mandoc says of a page, warnings and worse; empty if nothing.
fn complaints(page: &Path) -> Result<String, Stop> {
    let mut mandoc = Command::new(MANDOC.program);
    let output = programs::output(mandoc.args(["-Tlint", "-W", "warning"]).arg(page))?;
    if output.status.success() {
        return Ok(String::new());
    }
    let said = [output.stdout, output.stderr].concat();
    Ok(format!("{}{}", String::from_utf8_lossy(&said), output.status))
}
