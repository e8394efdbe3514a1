//! One run of a program under limits, and what it took.
//!
//! Between this process and the program stands a second copy of this one, which sets the
//! limits for itself and asks the system what its only child has used.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};

/// The word that makes this program the one between.
pub const BETWEEN: &str = "--between";

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status; of a signal, its negative number.
    pub status: i32,
    /// The most that it had in memory, in bytes.
    pub resident: usize,
    /// Processor time.
    pub time: Duration,
    /// Standard error.
    pub said: String,
}

/// Runs `program` as `tool` with at most so many bytes of address space and seconds of
/// processor time.
///
/// # Panics
/// When it cannot be started.
pub fn run(
    program: &Path,
    tool: &str,
    words: &[OsString],
    memory: Option<usize>,
    seconds: u64,
) -> Ended {
    let this = std::env::current_exe().expect("a program of its own");
    let mut command = Command::new(this);
    command.arg(BETWEEN).arg(memory.unwrap_or(0).to_string()).arg(seconds.to_string());
    command.arg(program).arg(tool).args(words).stdin(Stdio::null());
    let output = command.env_remove("RUST_BACKTRACE").output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = told.split_whitespace().map(|word| word.parse::<i64>().unwrap_or(-1000));
    let mut next = || numbers.next().unwrap_or(-1000);
    Ended {
        status: i32::try_from(next()).unwrap_or(i32::MIN),
        resident: usize::try_from(next()).unwrap_or(0).saturating_mul(1024),
        time: Duration::from_micros(u64::try_from(next()).unwrap_or(0)),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What the copy between does with its words: bytes, seconds, program, tool, words.
pub fn between(words: &[OsString]) -> ExitCode {
    let [memory, seconds, program, tool, words @ ..] = words else { return ExitCode::FAILURE };
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse::<u64>().ok());
    let (Some(memory), Some(seconds)) = (number(memory), number(seconds)) else {
        return ExitCode::FAILURE;
    };
    let mut limited = setrlimit(Resource::RLIMIT_CPU, seconds, seconds + 1);
    if memory != 0 {
        limited = limited.and(setrlimit(Resource::RLIMIT_AS, memory, memory));
    }
    let mut command = Command::new(program);
    command.arg0(tool).args(words).stdout(Stdio::null());
    let (Ok(()), Ok(status)) = (limited, command.status()) else { return ExitCode::FAILURE };
    let Ok(used) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return ExitCode::FAILURE };
    let status = status.code().or(status.signal().map(|signal| -signal)).unwrap_or(-1000);
    let time = |part: nix::sys::time::TimeVal| part.tv_sec() * 1_000_000 + part.tv_usec();
    println!("{status} {} {}", used.max_rss(), time(used.user_time()) + time(used.system_time()));
    ExitCode::SUCCESS
}
