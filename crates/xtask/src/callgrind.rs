//! Counting instructions: valgrind's callgrind around a program.
//!
//! The count of one run is that of the next, whatever else the machine does.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::install::{self, VALGRIND};
use crate::outcome::Stop;
use crate::programs;

/// Callgrind, found on this machine, and the file it writes to.
#[derive(Debug)]
pub struct Callgrind {
    program: PathBuf,
    out: PathBuf,
}

impl Callgrind {
    /// Finds valgrind, or installs it; counts will stand in `out`.
    ///
    /// [`Stop::NotHere`] if it is not there and cannot be installed.
    pub fn new(out: PathBuf) -> Result<Self, Stop> {
        install::ensure(VALGRIND)?;
        let program = programs::find(VALGRIND.program)
            .ok_or_else(|| Stop::NotHere("valgrind is not installed".into()))?;
        Ok(Self { program, out })
    }

    /// The words to put before a program and its arguments.
    pub fn words(&self) -> [OsString; 4] {
        let mut file = OsString::from("--callgrind-out-file=");
        file.push(&self.out);
        [self.program.clone().into(), "--quiet".into(), "--tool=callgrind".into(), file]
    }

    /// The instructions of the run that has just ended; its file is removed.
    ///
    /// Error if callgrind left no count.
    pub fn count(&self) -> Result<u64, Stop> {
        let text = fs::read_to_string(&self.out).map_err(Stop::io(self.out.display()))?;
        fs::remove_file(&self.out).map_err(Stop::io(self.out.display()))?;
        total(&text).ok_or_else(|| Stop::Failed(format!("{}: no count", path(&self.out))))
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// The line `totals: N` of a profile, which stands at its end; `None` for
/// what is no profile, or not a whole one.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_and_half_a_profile_has_none() {
        let profile = "# callgrind format\nversion: 1\nevents: Ir\nsummary: 37892\n\n\
                       ob=(1) /x/kmod\n0 13\n\ntotals: 37892\n";
        assert_eq!(total(profile), Some(37892));
        assert_eq!(total(&profile.replace("totals: 37892", "totals: ")), None);
        assert_eq!(total(profile.split("totals").next().unwrap()), None);
        assert_eq!(total(""), None);
    }
}
