//! Whose turn it is: which target is tried next, and for how long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use komod_fuzz::Target;

/// How long targets are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Each once, for so long by the clock.
    Once(Duration),
    /// In pieces of so long by the clock, until each has had `until` of the processor,
    /// earlier campaigns counted.
    Until {
        /// Time of the processor for each target.
        until: Duration,
        /// One piece of it.
        piece: Duration,
    },
}

/// The targets that are not done yet.
pub struct Turns {
    aim: Aim,
    waiting: Vec<&'static Target>,
    had: BTreeMap<&'static str, Duration>,
    running: BTreeSet<&'static str>,
}

impl Turns {
    /// All of `targets`; `had` says what each has had of the processor so far.
    pub fn new(targets: &[&'static Target], aim: Aim, had: impl Fn(&str) -> Duration) -> Self {
        let had = targets.iter().map(|target| (target.name, had(target.name))).collect();
        let mut turns = Self { aim, waiting: targets.to_vec(), had, running: BTreeSet::new() };
        turns.forget_done();
        turns
    }

    /// The next target, and how long it is tried; `None` if nothing is left that nobody
    /// tries already.
    pub fn take(&mut self) -> Option<(&'static Target, Duration)> {
        let free =
            self.waiting.iter().copied().filter(|target| !self.running.contains(target.name));
        let (target, time) = match self.aim {
            Aim::Once(time) => (free.into_iter().next()?, time),
            Aim::Until { until, piece } => {
                let target = free.min_by_key(|target| self.had(target.name))?;
                let left = until.saturating_sub(self.had(target.name));
                (target, left.max(Duration::from_secs(1)).min(piece))
            }
        };
        self.running.insert(target.name);
        Some((target, time))
    }

    /// `target` has used so much of the processor. What found something is not tried
    /// again: it would find the same.
    pub fn ended(&mut self, target: &'static Target, used: Duration, well: bool) {
        self.running.remove(target.name);
        *self.had.entry(target.name).or_default() += used;
        if !well || matches!(self.aim, Aim::Once(_)) {
            self.waiting.retain(|other| other.name != target.name);
        }
        self.forget_done();
    }

    fn had(&self, name: &str) -> Duration {
        self.had.get(name).copied().unwrap_or_default()
    }

    fn forget_done(&mut self) {
        if let Aim::Until { until, .. } = self.aim {
            let had = &self.had;
            self.waiting.retain(|t| had.get(t.name).is_none_or(|had| *had < until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const UNTIL: Aim = Aim::Until { until: MINUTE, piece: Duration::from_secs(40) };

    fn targets(names: &[&str]) -> Vec<&'static Target> {
        names.iter().filter_map(|name| Target::of_name(name)).collect()
    }

    #[test]
    fn once_is_once_and_in_order() {
        let mut turns = Turns::new(&targets(&["xz", "elf"]), Aim::Once(MINUTE), |_| 2 * MINUTE);
        let (first, time) = turns.take().unwrap();
        assert_eq!((first.name, time), ("xz", MINUTE));
        assert_eq!(turns.take().unwrap().0.name, "elf");
        turns.ended(first, Duration::ZERO, true);
        assert!(turns.take().is_none());
    }

    #[test]
    fn who_has_had_least_is_next_until_all_have_enough() {
        let had = |name: &str| if name == "elf" { Duration::from_secs(50) } else { Duration::ZERO };
        let mut turns = Turns::new(&targets(&["elf", "xz"]), UNTIL, had);
        let (xz, time) = turns.take().unwrap();
        assert_eq!((xz.name, time.as_secs()), ("xz", 40));
        // Nobody tries one target twice at once.
        let (elf, time) = turns.take().unwrap();
        assert_eq!((elf.name, time.as_secs()), ("elf", 10));
        assert!(turns.take().is_none());
        turns.ended(xz, Duration::from_secs(40), true);
        let (again, time) = turns.take().unwrap();
        assert_eq!((again.name, time.as_secs()), ("xz", 20));
        turns.ended(again, Duration::from_secs(20), true);
        turns.ended(elf, Duration::from_secs(10), true);
        assert!(turns.take().is_none());
    }

    #[test]
    fn what_has_had_enough_or_found_something_rests() {
        let mut turns = Turns::new(&targets(&["elf", "xz"]), UNTIL, |name| match name {
            "elf" => MINUTE,
            _ => Duration::ZERO,
        });
        let (xz, _) = turns.take().unwrap();
        turns.ended(xz, Duration::from_secs(1), false);
        assert!(turns.take().is_none());
    }
}
