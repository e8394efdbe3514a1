//! Several runs of depmod at the same time.

use std::fs;
use std::process::{Child, Command};

use komod_fixtures::ModuleSpec;

use super::Findings;
use super::ground::Ground;
use super::readers;
use crate::outcome::Stop;
use crate::programs;

/// Rounds of all at once.
const ROUNDS: usize = 50;
/// Rounds in which a module comes.
const LATE: usize = 25;
const AT_A_TIME: usize = 8;

/// Eight at a time, fifty times: all succeed, and what is there is one run's.
pub fn rounds(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    let seen = readers::during(ground, || {
        for round in 0..ROUNDS {
            ground.turn_back()?;
            let mut wrong = failed(&mut start(ground, AT_A_TIME)?)?;
            wrong.extend(ground.wrong_after_a_run()?);
            findings.judge(format_args!("round {round}"), &wrong);
        }
        Ok(())
    })?;
    findings.judge("what readers found meanwhile", &seen.wrong);
    findings.note = format!("{ROUNDS} times {AT_A_TIME}; {} looks", seen.looks);
    Ok(())
}

/// Runs are under way, a module comes, another run begins: whoever ends last, the
/// module is in the database.
pub fn lost_updates(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    let module = ground.dir.join("kernel/late.ko");
    let bytes = ModuleSpec::new("late").modinfo("alias", "late-alias").build();
    for round in 0..LATE {
        let mut children = start(ground, 3)?;
        std::thread::sleep(std::time::Duration::from_millis(round as u64 % 10));
        fs::write(&module, &bytes).map_err(Stop::io(module.display()))?;
        children.extend(start(ground, 1)?);
        let mut wrong = failed(&mut children)?;
        let dep = super::read(&ground.dir.join("modules.dep"))?.unwrap_or_default();
        if !String::from_utf8_lossy(&dep).contains("kernel/late.ko:") {
            wrong.push("modules.dep lacks the module".into());
        }
        let mut modprobe = ground.tool("modprobe");
        modprobe.arg("-d").arg(&ground.base).args(["-S", super::ground::RELEASE, "-R"]);
        if programs::text(modprobe.arg("late-alias")).is_err() {
            wrong.push("its alias leads nowhere".into());
        }
        findings.judge(format_args!("round {round}"), &wrong);
        fs::remove_file(&module).map_err(Stop::io(module.display()))?;
    }
    findings.note = format!("{LATE} times");
    programs::run(&mut ground.depmod())
}

fn start(ground: &Ground, count: usize) -> Result<Vec<Child>, Stop> {
    (0..count).map(|_| Command::spawn(&mut ground.depmod()).map_err(Stop::io("depmod"))).collect()
}

/// Waits for all of them; those that did not succeed.
fn failed(children: &mut [Child]) -> Result<Vec<String>, Stop> {
    let mut wrong = Vec::new();
    for child in children {
        let status = child.wait().map_err(Stop::io("depmod"))?;
        if !status.success() {
            wrong.push(format!("depmod ended with {status}"));
        }
    }
    Ok(wrong)
}
