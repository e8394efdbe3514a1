//! SIGKILL at random moments of a run.

use std::time::{Duration, Instant};

use super::Findings;
use super::ground::Ground;
use super::readers;
use crate::outcome::Stop;
use crate::programs;
use crate::random::Dice;

const KILLS: u64 = 200;
/// Runs that say how long one takes.
const MEASURED: u32 = 5;

/// Kills depmod while readers look; each tenth time the next run is looked at too.
pub fn random(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    let mut longest = Duration::ZERO;
    for _ in 0..MEASURED {
        ground.turn_back()?;
        let start = Instant::now();
        programs::run(&mut ground.depmod())?;
        longest = longest.max(start.elapsed());
    }
    let (mut cut_short, mut partly) = (0, 0);
    let seen = readers::during(ground, || {
        for seed in 0..KILLS {
            ground.turn_back()?;
            let moment = longest.mul_f64(Dice::new(seed).below(1000) as f64 / 1000.0);
            let start = Instant::now();
            let mut child = ground.depmod().spawn().map_err(Stop::io("depmod"))?;
            std::thread::sleep(moment.saturating_sub(start.elapsed()));
            child.kill().map_err(Stop::io("kill"))?;
            let killed = child.wait().map_err(Stop::io("depmod"))?.code().is_none();
            cut_short += usize::from(killed);
            partly += usize::from(killed && !ground.leftovers()?.is_empty());
            findings.judge(format_args!("killed after {moment:?}"), &ground.broken()?);
            if seed % 10 == 0 {
                programs::run(&mut ground.depmod())?;
                findings.judge("the run after it", &ground.wrong_after_a_run()?);
            }
        }
        Ok(())
    })?;
    findings.judge("what readers found meanwhile", &seen.wrong);
    let enough = seen.looks > 500 && seen.modprobes > 20 && cut_short > 50 && partly > 5;
    findings.note = format!(
        "{cut_short} of {KILLS} before their end, {partly} with something left; {} looks, {} of modprobe",
        seen.looks, seen.modprobes
    );
    let few = (!enough).then(|| findings.note.clone());
    findings.judge("enough was seen", few.as_slice());
    Ok(())
}
