//! Running a program and seeing what it took.

use std::fs::File;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::outcome::Stop;

/// What a run took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// From start to end.
    pub wall: f64,
    /// User and system time.
    pub cpu: f64,
}

/// `/dev/null`, opened where it is; a program may run where it is not.
#[derive(Debug)]
pub struct Null(File);

impl Null {
    /// Opens it.
    pub fn open() -> Result<Self, Stop> {
        let file = File::options().read(true).write(true).open("/dev/null");
        Ok(Self(file.map_err(Stop::io("/dev/null"))?))
    }

    /// Gives it to a command as all three standard streams.
    pub fn streams(&self, command: &mut Command) -> Result<(), Stop> {
        let stream = || self.0.try_clone().map(Stdio::from).map_err(Stop::io("/dev/null"));
        command.stdin(stream()?).stdout(stream()?).stderr(stream()?);
        Ok(())
    }
}

/// Runs a command `times` times, its output thrown away; what one run took on
/// average. Error if it cannot be started or fails.
pub fn spent(command: &mut Command, null: &Null, times: u32) -> Result<Spent, Stop> {
    let (spent, status) = timed(command, null, times)?;
    if status.success() {
        return Ok(spent);
    }
    let words: Vec<_> = command.get_args().take(9).map(|word| word.to_string_lossy()).collect();
    Err(Stop::Failed(format!("{}: {status}", words.join(" "))))
}

/// The same of a command that may fail; the last status beside it. It stops at
/// the first that is not a success.
pub fn timed(command: &mut Command, null: &Null, times: u32) -> Result<(Spent, ExitStatus), Stop> {
    null.streams(command)?;
    let (before, start) = (children()?, Instant::now());
    let mut last = ExitStatus::default();
    for _ in 0..times {
        last = command.status().map_err(Stop::io("the program"))?;
        if !last.success() {
            break;
        }
    }
    let wall = start.elapsed().as_secs_f64();
    let cpu = children()?.saturating_sub(before).as_secs_f64();
    let times = f64::from(times.max(1));
    Ok((Spent { wall: wall / times, cpu: cpu / times }, last))
}

/// User and system time of all children that have ended.
pub fn children() -> Result<Duration, Stop> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|errno| Stop::Failed(format!("getrusage: {errno}")))?;
    let time = |value: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(value.tv_sec()).unwrap_or(0);
        let rest = u64::try_from(value.tv_usec()).unwrap_or(0);
        Duration::from_secs(seconds) + Duration::from_micros(rest)
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// The middle value; of an even number of them the mean of the two in the
/// middle; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(below), Some(above)) if values.len() % 2 == 0 => f64::midpoint(*below, *above),
        (_, Some(value)) => *value,
        _ => 0.0,
    }
}

/// What komod and the original took, pair by pair.
#[derive(Debug, Clone, Default)]
pub struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    /// Adds what both took in one turn.
    pub fn add(&mut self, ours: f64, theirs: f64) {
        self.0.push((ours, theirs));
    }

    /// The median of komod's.
    pub fn ours(&self) -> f64 {
        median(self.0.iter().map(|pair| pair.0).collect())
    }

    /// The median of the original's.
    pub fn theirs(&self) -> f64 {
        median(self.0.iter().map(|pair| pair.1).collect())
    }

    /// The median of the pairs' ratios: a busy moment meets both of a pair.
    pub fn ratio(&self) -> f64 {
        median(self.0.iter().map(|(ours, theirs)| ours / theirs).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_child_is_seen() {
        let null = Null::open().unwrap();
        let mut busy = Command::new("sh");
        busy.args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]);
        let spent_once = spent(&mut busy, &null, 1).unwrap();
        assert!(spent_once.cpu > 0.002 && spent_once.wall > 0.002, "{spent_once:?}");
        assert!(spent(&mut Command::new("false"), &null, 1).is_err());
        assert!(!timed(&mut Command::new("false"), &null, 1).unwrap().1.success());
        assert!(spent(&mut Command::new("/nonexistent"), &null, 1).is_err());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![5.0, 1.0, 9.0]), 5.0);
        assert_eq!(median(vec![4.0, 1.0, 9.0, 2.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn one_bad_moment_changes_no_ratio() {
        let mut pairs = Pairs::default();
        for (ours, theirs) in [(1.0, 4.0), (10.0, 40.0), (1.0, 4.0), (9.0, 4.0), (1.0, 4.0)] {
            pairs.add(ours, theirs);
        }
        assert_eq!((pairs.ours(), pairs.theirs(), pairs.ratio()), (1.0, 4.0, 0.25));
    }
}
