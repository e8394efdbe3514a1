//! `cargo xtask fuzz`: hostile bytes for every parser, and the part of the tests
//! that does it for a little while.
//!
//! What is found interesting stays in the cache, so that minutes add up; an
//! account says how many there were.

mod account;
mod campaign;
mod program;
mod turns;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use komod_fuzz::{TARGETS, Target};

use crate::outcome::{Stop, Tally};
use campaign::Ended;
use turns::{Aim, Turns};

const USAGE: &str = "\
usage: cargo xtask fuzz [TARGET...] [--seconds N] [--until-minutes N] [--jobs N]
       cargo xtask fuzz TARGET --input FILE
       cargo xtask fuzz --seeds | --report

Runs each target, or those named, for N seconds (60), N of them at a time (1).
--until-minutes goes on, the least tried target first, in pieces of N seconds (300), until
each has had N minutes of the processor in all, earlier runs counted.
--input runs one input and shows where it ends; --seeds writes the inputs to begin
with and the words; --report prints what has been tried so far.
";

/// How long the part of the tests tries each target, and how many at a time.
const SHORT: Duration = Duration::from_secs(15);
const AT_A_TIME: usize = 2;

/// The trap is found within seconds; on a busy machine they are longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Help,
    Report,
    Seeds,
    Input(&'static str, PathBuf),
    Run { targets: Vec<&'static str>, aim: Aim, jobs: usize },
}

/// The command. True if nothing was found.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    match asked(words)? {
        Asked::Help => print!("{USAGE}"),
        Asked::Report => print!("{}", account::report()?),
        Asked::Seeds => {
            for target in TARGETS {
                println!("{}", campaign::begin(target)?.seeds.display());
            }
        }
        Asked::Input(target, file) => {
            let status = campaign::replay(&program::build()?, target, &file)?;
            return Ok(status);
        }
        Asked::Run { targets, aim, jobs } => {
            let program = program::build()?;
            let chosen: Vec<&'static Target> =
                targets.into_iter().filter_map(Target::of_name).collect();
            return Ok(campaigns(&program, &chosen, aim, jobs)?.failed == 0);
        }
    }
    Ok(true)
}

/// The part of the tests: the fuzzer finds what is there to be found, and nothing
/// in any target.
pub fn part() -> Result<Tally, Stop> {
    let program = program::build()?;
    let mut tally = Tally::default();
    // What it learnt of the trap before would help it.
    let corpus = campaign::begin(&komod_fuzz::TRAP)?.corpus;
    std::fs::remove_dir_all(&corpus).map_err(Stop::io(corpus.display()))?;
    let trap = campaign::run(&program, &komod_fuzz::TRAP, PATIENCE)?;
    tally.count(matches!(trap.ended, Ended::Found(_)));
    if !matches!(trap.ended, Ended::Found(_)) {
        println!("FAIL the fuzzer did not find what was hidden for it: is it blind?");
    }
    let all: Vec<&'static Target> = TARGETS.iter().collect();
    tally.add(campaigns(&program, &all, Aim::Once(SHORT), AT_A_TIME)?);
    Ok(tally)
}

/// Runs targets, so many at a time, and enters each in the account.
fn campaigns(
    program: &std::path::Path,
    targets: &[&'static Target],
    aim: Aim,
    jobs: usize,
) -> Result<Tally, Stop> {
    let version = account::version();
    let had = account::had()?;
    let had = |name: &str| had.get(name).copied().unwrap_or_default();
    let turns = Mutex::new(Turns::new(targets, aim, had));
    let tally = Mutex::new(Tally::default());
    let work = || -> Result<(), Stop> {
        loop {
            let next = turns.lock().unwrap_or_else(|poison| poison.into_inner()).take();
            let Some((target, time)) = next else { return Ok(()) };
            let campaign = campaign::run(program, target, time)?;
            account::enter(&version, target.name, &campaign)?;
            let well = matches!(campaign.ended, Ended::Well);
            tally.lock().unwrap_or_else(|poison| poison.into_inner()).count(well);
            println!("{campaign}");
            let mut turns = turns.lock().unwrap_or_else(|poison| poison.into_inner());
            turns.ended(target, campaign.used, well);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(Stop::Failed("a worker ended early".into())))
        });
        ended.collect::<Result<Vec<()>, Stop>>()
    })?;
    Ok(tally.into_inner().unwrap_or_else(|poison| poison.into_inner()))
}

fn asked(words: &[String]) -> Result<Asked, Stop> {
    let (mut targets, mut seconds, mut minutes) = (Vec::new(), None, None);
    let (mut jobs, mut input) = (1, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(Stop::Failed(format!("{word} needs a value")));
        let number = |text: &String| {
            let number = text.parse::<u32>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| Stop::Failed(format!("{word} {text}: no number")))
        };
        match word.as_str() {
            "--help" => return Ok(Asked::Help),
            "--report" => return Ok(Asked::Report),
            "--seeds" => return Ok(Asked::Seeds),
            "--seconds" => seconds = Some(number(value()?)?),
            "--until-minutes" => minutes = Some(number(value()?)?),
            "--jobs" => jobs = number(value()?)? as usize,
            "--input" => input = Some(PathBuf::from(value()?)),
            name => targets.push(known(name)?),
        }
    }
    match (input, targets.as_slice()) {
        (Some(file), [target]) => return Ok(Asked::Input(target, file)),
        (Some(_), _) => return Err(Stop::Failed("--input is for one target".into())),
        (None, []) => targets = TARGETS.iter().map(|target| target.name).collect(),
        (None, _) => {}
    }
    let clock = |default: u32| Duration::from_secs(seconds.unwrap_or(default).into());
    let aim = match minutes {
        None => Aim::Once(clock(60)),
        Some(minutes) => Aim::Until { until: Duration::from_secs(60) * minutes, piece: clock(300) },
    };
    Ok(Asked::Run { targets, aim, jobs })
}

fn known(name: &str) -> Result<&'static str, Stop> {
    Target::of_name(name).map(|target| target.name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        Stop::Failed(format!("no target {name:?}; there are: {}", names.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Asked, Stop> {
        asked(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_say_what_runs() {
        let asked = words("elf xz --seconds 5 --jobs 2").unwrap();
        let aim = Aim::Once(Duration::from_secs(5));
        assert_eq!(asked, Asked::Run { targets: vec!["elf", "xz"], aim, jobs: 2 });
        let Asked::Run { targets, .. } = words("").unwrap() else { panic!("not a run") };
        assert_eq!(targets.len(), TARGETS.len());
        let Asked::Run { aim, .. } = words("--until-minutes 30").unwrap() else { panic!() };
        let (until, piece) = (Duration::from_secs(1800), Duration::from_secs(300));
        assert_eq!(aim, Aim::Until { until, piece });
        assert_eq!(words("elf --input x").unwrap(), Asked::Input("elf", "x".into()));
        assert_eq!(words("--report").unwrap(), Asked::Report);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "nosuch",
            "--seconds",
            "--seconds x",
            "--jobs 0",
            "--until-minutes -1",
            "--input x",
            "elf xz --input x",
        ] {
            assert!(words(line).is_err(), "{line}");
        }
    }
}
