//! Every call by which depmod changes files, one after the other: it fails with
//! each of three errors, or the program is killed there.

use komod_cases::faults::{Blow, Calls, Ended, run};
use nix::errno::Errno;

use super::Findings;
use super::ground::{Ground, Is};
use super::readers;
use crate::outcome::Stop;

const BLOWS: [Blow; 4] =
    [Blow::Fails(Errno::ENOSPC), Blow::Fails(Errno::EDQUOT), Blow::Fails(Errno::EIO), Blow::Kills];

/// All calls, all blows.
pub fn every_call(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    let judged = |blow| {
        run(ground.depmod(), Calls::Changes, blow).map_err(|trouble| Stop::Failed(trouble.0))
    };
    ground.turn_back()?;
    let whole = judged(None)?;
    findings.judge("no blow", &ground.wrong_after_a_run()?);
    for blow in BLOWS {
        for (at, call) in whole.calls.iter().enumerate() {
            ground.turn_back()?;
            let ended = judged(Some((at, blow)))?;
            let done = whole.calls[..at].iter().filter(|call| **call == "rename").count();
            let wrong = wrong(ground, &ended, blow, done)?;
            findings.judge(format_args!("{call}, call {at}, {blow:?}"), &wrong);
            // What the blow left is no trouble for the next. Errors leave all the same.
            if matches!(blow, Blow::Fails(Errno::ENOSPC | Errno::EDQUOT)) {
                continue;
            }
            let next = judged(None)?;
            let mut wrong = ground.wrong_after_a_run()?;
            if next.status != Some(0) || !next.stderr.is_empty() {
                wrong.push(format!("status {:?}, {}", next.status, next.stderr));
            }
            findings.judge(format_args!("the run after {call}, call {at}, {blow:?}"), &wrong);
        }
    }
    findings.note = format!("{} calls", whole.calls.len());
    Ok(())
}

/// Every call by which depmod lists directories, opens, looks at and reads files fails: then
/// it says so and keeps the old database, or the new one is complete without it.
pub fn every_look(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    let judged = |blow| run(ground.depmod(), Calls::Looks, blow).map_err(|t| Stop::Failed(t.0));
    ground.turn_back()?;
    let whole = judged(None)?;
    findings.judge("no blow", &ground.wrong_after_a_run()?);
    let (mut refused, mut listings) = (0, 0);
    for (at, call) in whole.calls.iter().enumerate() {
        ground.turn_back()?;
        let ended = judged(Some((at, Blow::Fails(Errno::EIO))))?;
        let mut wrong = ground.broken()?;
        wrong.extend(ground.leftovers()?.into_iter().map(|name| format!("{name} is left")));
        let state = ground.state()?;
        let all = |wanted: Is| state.values().all(|is| *is == wanted);
        match ended.status {
            // Two lines are kmod's where it is the module directory itself.
            Some(1) if all(Is::Old) && ended.stderr.lines().count() <= 2 => refused += 1,
            Some(0) if all(Is::New) => {}
            // At the end the directory is opened, to be forced to disk.
            Some(1) if all(Is::New) && at + 1 == whole.calls.len() => {}
            // The loader has not found the libraries.
            Some(127) if all(Is::Old) => {}
            status => wrong.push(format!("{state:?}, {status:?}, {:?}", ended.stderr)),
        }
        listings += usize::from(*call == "getdents");
        findings.judge(format_args!("{call}, call {at}"), &wrong);
    }
    findings.note =
        format!("{} calls, {listings} list directories; {refused} refused", whole.calls.len());
    Ok(())
}

/// What is wrong behind a blow that fell when `done` files had taken their names.
fn wrong(ground: &Ground, ended: &Ended, blow: Blow, done: usize) -> Result<Vec<String>, Stop> {
    let mut wrong = ground.broken()?;
    wrong.extend(readers::at_rest(ground));
    let new = ground.state()?.values().filter(|is| **is == Is::New).count();
    let leftovers = ground.leftovers()?;
    let wanted = match (blow, ended.status) {
        (Blow::Kills, None) => done,
        (Blow::Fails(_), Some(1)) => {
            let line = ended.stderr.trim_end_matches('\n');
            let clear = ["write", "replace", "create directory"]
                .map(|verb| format!("depmod: FATAL: could not {verb} "));
            if line.contains('\n') || !clear.iter().any(|clear| line.starts_with(clear)) {
                wrong.push(format!("it says {line:?}"));
            }
            if !leftovers.is_empty() {
                wrong.push(format!("left: {leftovers:?}"));
            }
            done
        }
        // The lock alone may fail without harm, and stay.
        (Blow::Fails(_), Some(0)) => {
            if !ended.stderr.is_empty() || leftovers.iter().any(|name| name != ".komod.lock") {
                wrong.push(format!("it says {:?}, left: {leftovers:?}", ended.stderr));
            }
            ground.new.len()
        }
        (_, status) => {
            wrong.push(format!("status {status:?}"));
            done
        }
    };
    if new != wanted {
        wrong.push(format!("{new} files are new, not {wanted}"));
    }
    Ok(wrong)
}
