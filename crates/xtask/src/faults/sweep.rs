//! Every call by which depmod changes files, one after the other: it fails with
//! each of three errors, or the program is killed there.

use komod_cases::faults::{Blow, Ended, run};
use nix::errno::Errno;

use super::Findings;
use super::ground::{Ground, Is};
use super::readers;
use crate::outcome::Stop;

const BLOWS: [Blow; 4] =
    [Blow::Fails(Errno::ENOSPC), Blow::Fails(Errno::EDQUOT), Blow::Fails(Errno::EIO), Blow::Kills];

/// All calls, all blows.
pub fn every_call(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    let judged = |blow| run(ground.depmod(), blow).map_err(|trouble| Stop::Failed(trouble.0));
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

/// What is wrong behind a blow that fell when `done` files had taken their names.
fn wrong(ground: &Ground, ended: &Ended, blow: Blow, done: usize) -> Result<Vec<String>, Stop> {
    let mut wrong = ground.broken()?;
    wrong.extend(readers::by_crates(ground));
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
