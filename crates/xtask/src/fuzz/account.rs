//! How much has been tried, by which code: one line a campaign, in the cache.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::process::Command;
use std::time::Duration;

use komod_fuzz::TARGETS;

use super::campaign::{self, Campaign, Ended};
use crate::outcome::Stop;
use crate::programs;
use crate::workspace::workspace;

/// What is compiled into the fuzzer.
const CODE: [&str; 4] = ["Cargo.lock", "crates", "fuzz", "src"];

/// The code that runs: the last commit that changed it, with a `+` where files
/// differ from it.
pub fn version() -> String {
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(words).arg("--").args(CODE).current_dir(workspace());
        programs::text(&mut command).unwrap_or_default().trim().to_owned()
    };
    let commit = git(&["log", "-1", "--format=%h", "--abbrev=10"]);
    let changed = git(&["status", "--porcelain"]);
    match (commit.as_str(), changed.as_str()) {
        ("", _) => "unknown".into(),
        (commit, "") => commit.into(),
        (commit, _) => format!("{commit}+"),
    }
}

/// Adds a campaign: version, target, milliseconds of the processor, inputs, findings.
pub fn enter(version: &str, target: &str, campaign: &Campaign) -> Result<(), Stop> {
    let path = campaign::home()?.join("account");
    // What was stopped from outside has found nothing.
    let found = u8::from(matches!(campaign.ended, Ended::Found(_)));
    let milliseconds = campaign.used.as_millis();
    let line = format!("{version}\t{target}\t{milliseconds}\t{}\t{found}\n", campaign.tried);
    let file = File::options().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(Stop::io(path.display()))
}

/// The sums of one target.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sum {
    milliseconds: u64,
    /// Of them those of the code as it is.
    now: u64,
    tried: u64,
    found: u64,
}

/// What each target has had of the processor, over all versions.
pub fn had() -> Result<BTreeMap<String, Duration>, Stop> {
    let text = text()?;
    let sums = sums(&text, "");
    let had = |(name, sum): (&str, Sum)| (name.to_owned(), Duration::from_millis(sum.milliseconds));
    Ok(sums.into_iter().map(had).collect())
}

fn text() -> Result<String, Stop> {
    let path = campaign::home()?.join("account");
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(Stop::io(path.display())),
    }
}

/// A table for people: what each target has had.
pub fn report() -> Result<String, Stop> {
    let text = text()?;
    let version = version();
    let sums = sums(&text, &version);
    let mut found = 0;
    let mut table = format!(
        "| target | reads | CPU minutes | of them `{version}` | inputs tried | kept |\n\
         |---|---|---|---|---|---|\n"
    );
    for target in TARGETS {
        let sum = sums.get(target.name).copied().unwrap_or_default();
        found += sum.found;
        let corpus = campaign::home()?.join("corpus").join(target.name);
        let kept = fs::read_dir(corpus).map_or(0, Iterator::count);
        let minutes = |milliseconds: u64| milliseconds as f64 / 60_000.0;
        let _ = writeln!(
            table,
            "| `{}` | {} | {:.1} | {:.1} | {} | {kept} |",
            target.name,
            target.reads,
            minutes(sum.milliseconds),
            minutes(sum.now),
            thousands(sum.tried),
        );
    }
    let _ = writeln!(table, "\n{found} of the campaigns ended with a finding.");
    Ok(table)
}

fn sums<'a>(account: &'a str, version: &str) -> BTreeMap<&'a str, Sum> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for line in account.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [code, target, milliseconds, tried, found] = words[..] else { continue };
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        let sum = sums.entry(target).or_default();
        sum.milliseconds += number(milliseconds);
        sum.now += if code == version { number(milliseconds) } else { 0 };
        sum.tried += number(tried);
        sum.found += number(found);
    }
    sums
}

/// `1,234,567`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_add_up_by_target_and_version() {
        let account = "a\telf\t1000\t7\t0\nb\telf\t500\t3\t1\nb\txz\t1\t1\t0\nodd line\n";
        let sums = sums(account, "b");
        let elf = Sum { milliseconds: 1500, now: 500, tried: 10, found: 1 };
        assert_eq!(sums.get("elf"), Some(&elf));
        assert_eq!(sums.len(), 2);
    }

    #[test]
    fn numbers_are_readable() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
