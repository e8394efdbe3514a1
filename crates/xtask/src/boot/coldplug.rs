//! `cargo xtask vm debian13 --coldplug`: the processor's time that udev takes to find and
//! load the drivers of all devices, with one library and with the other.
//!
//! The time is what systemd accounts to udev and all its workers, user and system, the
//! kernel's loading included. The machine's clock counts instructions, so that the
//! figures are the same however busy the machine is that it runs on.

use super::Place;
use super::early::Habit;
use super::image::{Image, Side};
use crate::outcome::{Stop, Tally};

/// How often each system is booted.
pub const BOOTS: usize = 5;

/// The most that komod may take of the original's time.
const BOUND: f64 = 1.05;

/// What the account calls the figures, and what they are.
const FIGURES: [(&str, &str); 2] =
    [("first", "from the start to the last driver"), ("again", "asking about all devices again")];

/// Boots both systems so many times, in turn; every median counts as a check.
pub fn run(boots: usize) -> Result<Tally, Stop> {
    let place = Place::new()?;
    let images = [place.image(Side::Komod, None)?, place.image(Side::Original, None)?];
    let early = place.early(&images[0], Habit::Arch)?;
    let mut times: [[Vec<f64>; FIGURES.len()]; 2] = Default::default();
    let mut tally = Tally::default();
    for _ in 0..boots {
        for (image, times) in images.iter().zip(&mut times) {
            let account = place.boot(image, &Image::start(image, early.clone(), "coldplug"))?;
            tally.count(account.done);
            for ((name, _), times) in FIGURES.iter().zip(times) {
                times.extend(account.figures.get(*name).into_iter().flatten().map(|ns| ns / 1e6));
            }
        }
    }
    let [ours, theirs] = times;
    for (((_, what), ours), theirs) in FIGURES.iter().zip(ours).zip(theirs) {
        let (least, most) = (least(&theirs), most(&theirs));
        let (ours, theirs) = (median(ours), median(theirs));
        let ratio = ours / theirs;
        let held = ratio <= BOUND;
        tally.count(held);
        let word = if held { "holds" } else { "DOES NOT HOLD" };
        println!(
            "coldplug, {what}: komod {ours:.1} ms, kmod {theirs:.1} ms ({least:.1} to {most:.1}): \
             {ratio:.3} of at most {BOUND}: {word}"
        );
    }
    Ok(tally)
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(times: &[f64]) -> f64 {
    times.iter().copied().fold(0.0, f64::max)
}

/// The one in the middle; NaN, which holds to no bound, of none.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
        assert_eq!((least(&[2.0, 1.0]), most(&[2.0, 1.0])), (1.0, 2.0));
    }
}
