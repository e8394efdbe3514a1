//! One target, tried for a while.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use komod_fuzz::Target;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::outcome::Stop;
use crate::packages::cache;

/// What came of it.
pub struct Campaign {
    target: &'static str,
    /// Time of the processor.
    pub used: Duration,
    /// Inputs that were tried.
    pub tried: u64,
    /// How it ended.
    pub ended: Ended,
}

/// How a campaign ended.
pub enum Ended {
    /// When its time was over.
    Well,
    /// With an input that breaks a promise: where it is kept, and what was said.
    Found(String),
    /// With nothing tried, or for a reason that is no input: what was said.
    Broke(String),
}

/// Where the files of one target are.
pub struct Places {
    /// Inputs that reached something new; grows from run to run.
    pub corpus: PathBuf,
    /// What the fixtures made.
    pub seeds: PathBuf,
    words: PathBuf,
    findings: PathBuf,
    log: PathBuf,
}

/// The directory of everything that fuzzing leaves behind.
pub fn home() -> Result<PathBuf, Stop> {
    Ok(cache()?.join("fuzz"))
}

/// Makes the directories of a target and writes its seeds and words.
pub fn begin(target: &Target) -> Result<Places, Stop> {
    let home = home()?;
    let places = Places {
        corpus: home.join("corpus").join(target.name),
        seeds: home.join("seeds").join(target.name),
        words: home.join("seeds").join(format!("{}.words", target.name)),
        findings: home.join("findings").join(target.name),
        log: home.join("logs").join(target.name),
    };
    for dir in [&places.corpus, &places.seeds, &places.findings, &home.join("logs")] {
        fs::create_dir_all(dir).map_err(Stop::io(dir.display()))?;
    }
    for (number, seed) in (target.seeds)().into_iter().enumerate() {
        let path = places.seeds.join(format!("{number:02}"));
        fs::write(&path, seed).map_err(Stop::io(path.display()))?;
    }
    let words: String = target.words.iter().map(|word| line_of(word)).collect();
    fs::write(&places.words, words).map_err(Stop::io(places.words.display()))?;
    Ok(places)
}

/// A word as libFuzzer's dictionaries want it.
fn line_of(word: &[u8]) -> String {
    let mut line = String::from("\"");
    for byte in word {
        line.push_str(&format!("\\x{byte:02x}"));
    }
    line + "\"\n"
}

/// Tries a target for so long by the clock.
pub fn run(program: &Path, target: &'static Target, time: Duration) -> Result<Campaign, Stop> {
    let places = begin(target)?;
    let log = File::create(&places.log).map_err(Stop::io(places.log.display()))?;
    let mut command = prepared(program, target);
    command
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-max_len={}", target.longest))
        .arg(format!("-artifact_prefix={}/", places.findings.display()))
        .arg("-print_final_stats=1")
        .args([&places.corpus, &places.seeds])
        .stderr(log);
    // An empty dictionary is an error to libFuzzer.
    if !target.words.is_empty() {
        command.arg(format!("-dict={}", places.words.display()));
    }
    let mut child = command.spawn().map_err(Stop::io(program.display()))?;
    let used = used(&child)?;
    let well = child.wait().map_err(Stop::io(program.display()))?.success();
    let said = fs::read(&places.log).map_err(Stop::io(places.log.display()))?;
    let said = String::from_utf8_lossy(&said);
    let tried = number(&said, "stat::number_of_executed_units:").unwrap_or(0);
    let ended = match (well, said.contains("Test unit written to ")) {
        (true, _) if tried > 0 => Ended::Well,
        (false, true) => Ended::Found(reason(&said)),
        _ => Ended::Broke(reason(&said)),
    };
    Ok(Campaign { target: target.name, used, tried, ended })
}

/// Runs one input with everything shown; true if it breaks no promise.
pub fn replay(program: &Path, target: &str, file: &Path) -> Result<bool, Stop> {
    let Some(target) = Target::of_name(target) else { return Ok(false) };
    let mut command = prepared(program, target);
    command.env("RUST_BACKTRACE", "1").arg(file);
    command.status().map(|status| status.success()).map_err(Stop::io(program.display()))
}

fn prepared(program: &Path, target: &Target) -> Command {
    let mut command = Command::new(program);
    command
        .env("KOMOD_FUZZ_TARGET", target.name)
        // Memory that was given back is kept a while, to see who uses it yet; no more of
        // it than that a campaign's own limit has a meaning.
        .env("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=16:allocator_may_return_null=1")
        // The processor's time is held by the target itself; this is for what never ends.
        .arg("-timeout=25")
        .arg("-rss_limit_mb=1024")
        .arg(format!("-malloc_limit_mb={}", target.limits.request >> 20))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Waits for its end and reads the processor's time, before it is gone for good.
fn used(child: &Child) -> Result<Duration, Stop> {
    let system = |errno: nix::Error| Stop::Failed(format!("waiting for the fuzzer: {errno}"));
    let pid = i32::try_from(child.id()).unwrap_or(0);
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while let Err(errno) = waitid(Id::Pid(Pid::from_raw(pid)), flags) {
        if errno != nix::Error::EINTR {
            return Err(system(errno));
        }
    }
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(Stop::io(&path))?;
    let ticks = sysconf(SysconfVar::CLK_TCK).map_err(system)?.unwrap_or(100);
    let ticks = u64::try_from(ticks).unwrap_or(100).max(1);
    let used = ticks_of(&text).ok_or_else(|| Stop::Failed(format!("{path} says {text:?}")))?;
    Ok(Duration::from_millis(used * 1000 / ticks))
}

/// User and system time: the 14th and 15th word of `/proc/PID/stat` (proc_pid_stat(5)),
/// of which the second is a name in parentheses.
fn ticks_of(stat: &str) -> Option<u64> {
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(words.next()?.parse::<u64>().ok()? + words.next()?.parse::<u64>().ok()?)
}

/// The number behind `label`.
fn number(said: &str, label: &str) -> Option<u64> {
    said.split(label).nth(1)?.split_whitespace().next()?.parse().ok()
}

/// The lines that tell what is wrong, and where the input is.
fn reason(said: &str) -> String {
    let telling = ["panicked at", "ERROR: ", "SUMMARY: ", "Test unit written to ", "allowed are"];
    let mut lines = Vec::new();
    let mut follows = false;
    for line in said.lines() {
        if follows || telling.iter().any(|word| line.contains(word)) {
            lines.push(line);
        }
        follows = line.contains("panicked at");
    }
    if lines.is_empty() {
        lines.extend(said.lines().rev().take(3));
    }
    lines.join("\n  ")
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, tried) = (self.used.as_secs_f64(), self.tried);
        write!(f, "{:<17} {tried:>10} inputs in {seconds:.1} s of the processor", self.target)?;
        match &self.ended {
            Ended::Well => Ok(()),
            Ended::Found(said) => write!(f, "\nFAIL {} found:\n  {said}", self.target),
            Ended::Broke(said) => write!(f, "\nFAIL {} did not run:\n  {said}", self.target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_says_is_read() {
        let said = "stat::number_of_executed_units: 1234\nstat::x: 5\n";
        assert_eq!(number(said, "stat::number_of_executed_units:"), Some(1234));
        assert_eq!(number("", "stat::number_of_executed_units:"), None);
        let said = "#1 NEW\nthread 'main' panicked at a.rs:1:2:\nout of range\n#2\nSUMMARY: x\n";
        let expected = "thread 'main' panicked at a.rs:1:2:\n  out of range\n  SUMMARY: x";
        assert_eq!(reason(said), expected);
    }

    #[test]
    fn time_is_read_behind_the_name() {
        let stat = "7 (a b) c) Z 1 7 7 0 -1 4227084 100 0 0 0 12 3 0 0 20 0 1 0";
        assert_eq!(ticks_of(stat), Some(15));
        assert_eq!(ticks_of("7 (a"), None);
    }

    #[test]
    fn the_time_of_a_child_is_seen() {
        let mut busy = Command::new("sh");
        busy.args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]);
        let mut child = busy.spawn().unwrap();
        assert!(used(&child).unwrap() > Duration::ZERO);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn words_are_written_as_bytes() {
        assert_eq!(line_of(b"a\xff\""), "\"\\x61\\xff\\x22\"\n");
    }
}
