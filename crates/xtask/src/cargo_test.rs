//! `cargo test`, and what test programs report.

use std::process::Command;

use crate::outcome::{Stop, Tally};
use crate::programs;
use crate::workspace::workspace;

/// Runs `cargo test` with these words and counts what its test programs
/// report. A test program that fails to build counts as one failure.
pub fn cargo_test(words: &[&str]) -> Result<Tally, Stop> {
    cargo_test_under(None, words)
}

/// As [`cargo_test`], with the test programs run by `runner`, a program and its words.
pub fn cargo_test_under(runner: Option<&str>, words: &[&str]) -> Result<Tally, Stop> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    if let Some(runner) = runner {
        command.arg("--config").arg(format!("target.'cfg(all())'.runner = '{runner}'"));
    }
    counted_run(command.arg("test").arg("--no-fail-fast").args(words).current_dir(workspace()))
}

/// Runs a command that runs test programs, and counts what they report.
pub fn counted_run(command: &mut Command) -> Result<Tally, Stop> {
    let output = programs::output(command)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut tally = Tally::default();
    for line in said.lines() {
        tally.add(counted(line));
    }
    if !output.status.success() {
        print!("{said}{}", String::from_utf8_lossy(&output.stderr));
        tally.failed = tally.failed.max(1);
    }
    Ok(tally)
}

/// Reads `test result: ok. 3 passed; 0 failed; ...`.
pub fn counted(line: &str) -> Tally {
    let Some(rest) = line.strip_prefix("test result: ") else {
        return Tally::default();
    };
    let number = |unit: &str| {
        let before = rest.split(unit).next().filter(|b| b.len() < rest.len());
        before.and_then(|b| b.split_whitespace().last()?.parse().ok()).unwrap_or(0)
    };
    Tally { passed: number(" passed"), failed: number(" failed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_test_programs_report() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured";
        assert_eq!(counted(line), Tally { passed: 12, failed: 3 });
        assert_eq!(counted("test a ... ok"), Tally::default());
        assert_eq!(counted("test result: odd"), Tally::default());
    }
}
