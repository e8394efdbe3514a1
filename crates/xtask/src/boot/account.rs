//! What a booted system says of itself, and what two of them say differently.

use std::collections::{BTreeMap, BTreeSet};

use super::image::Side;
use crate::outcome::Tally;

/// One system's account; `tests/vm/debian13/account` has the words.
#[derive(Debug, Default)]
pub struct Account {
    /// What another system has to say too.
    same: BTreeSet<String>,
    /// Its failed units.
    failed_units: BTreeSet<String>,
    /// What held.
    held: usize,
    /// What did not.
    not_so: Vec<String>,
    /// Numbers by their names, in the order in which they were said.
    pub figures: BTreeMap<String, Vec<f64>>,
    tools: String,
    library: String,
    /// Whether it came to its end.
    pub done: bool,
    /// All else.
    said: Vec<String>,
}

impl Account {
    /// Takes one line.
    pub fn line(&mut self, line: &str) {
        let Some(mark) = line.strip_prefix("@@ ") else {
            self.said.push(line.to_owned());
            return;
        };
        let (word, rest) = mark.split_once(' ').unwrap_or((mark, ""));
        let text = rest.trim_end().to_owned();
        match word {
            "pass" => self.held += 1,
            "fail" => self.not_so.push(text),
            "same" => drop(self.same.insert(text)),
            "failed" => drop(self.failed_units.insert(text)),
            "figure" => {
                let (name, number) = text.split_once(' ').unwrap_or((&text, ""));
                let numbers = self.figures.entry(name.to_owned()).or_default();
                numbers.push(number.parse().unwrap_or(f64::NAN));
            }
            "tools" => self.tools = text,
            "library" => self.library = text,
            "done" => self.done = true,
            _ => self.said.push(line.to_owned()),
        }
    }

    /// Notes it if other tools or another library worked than those of this side: that
    /// would be the best way to pass.
    pub fn is_of(&mut self, side: Side, library: &str) {
        if self.tools.contains("komod") != (side == Side::Komod) || self.tools.is_empty() {
            self.not_so.push(format!("the tools are {:?}", self.tools));
        }
        if self.library != library {
            self.not_so.push(format!("udev's library has the sum {:?}", self.library));
        }
    }

    /// How many modules were in the kernel.
    fn modules(&self) -> usize {
        self.same.iter().filter(|line| line.starts_with("module ")).count()
    }

    fn tell(&self, who: &str) {
        for what in &self.not_so {
            println!("    not so with {who}: {what}");
        }
        if !self.not_so.is_empty() {
            let end = self.said.len().saturating_sub(40);
            self.said[end..].iter().for_each(|line| println!("      {line}"));
        }
    }
}

/// Holds one system to the other; prints what differs.
pub fn judge(name: &str, ours: &Account, theirs: &Account, tally: &mut Tally) {
    let before = tally.failed;
    for account in [ours, theirs] {
        tally.passed += account.held;
        tally.failed += account.not_so.len();
    }
    let more: Vec<_> = ours.same.difference(&theirs.same).collect();
    let less: Vec<_> = theirs.same.difference(&ours.same).collect();
    let broken: Vec<_> = ours.failed_units.difference(&theirs.failed_units).collect();
    tally.count(more.is_empty() && less.is_empty() && ours.modules() > 0);
    tally.count(broken.is_empty());
    let word = if tally.failed == before { "the same" } else { "DIFFERENT" };
    println!(
        "debian13: {name}: {} modules, {} things compared, {} failed units of {}: {word}",
        ours.modules(),
        ours.same.len(),
        ours.failed_units.len(),
        theirs.failed_units.len()
    );
    let first = |account: &Account| Some(account.figures.get("first")?.first()? / 1e6);
    if let (Some(own), Some(usual)) = (first(ours), first(theirs)) {
        let ratio = own / usual;
        println!("    udev's processor time: komod {own:.0} ms, kmod {usual:.0} ms: {ratio:.3}");
    }
    more.iter().for_each(|line| println!("    only with komod: {line}"));
    less.iter().for_each(|line| println!("    only with the original: {line}"));
    broken.iter().for_each(|unit| println!("    fails with komod: {unit}"));
    ours.tell("komod");
    theirs.tell("the original");
}

/// Holds a system to its own account; prints what is not so.
pub fn alone(name: &str, account: &Account, tally: &mut Tally) {
    tally.passed += account.held;
    tally.failed += account.not_so.len();
    tally.count(account.done);
    let word = if account.not_so.is_empty() { "all so" } else { "FAILED" };
    println!("debian13: {name}: {} checks: {word}", account.held + account.not_so.len());
    account.tell("komod");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(lines: &[&str]) -> Account {
        let mut account = Account::default();
        lines.iter().for_each(|line| account.line(line));
        account
    }

    fn judged(ours: &[&str], theirs: &[&str]) -> usize {
        let mut tally = Tally::default();
        judge("it", &account(ours), &account(theirs), &mut tally);
        tally.failed
    }

    #[test]
    fn whatever_differs_or_fails_is_counted() {
        let good = ["@@ same module a", "@@ same module b", "@@ failed x", "@@ pass y"];
        assert_eq!(judged(&good, &good), 0);
        assert_eq!(judged(&good[1..], &good), 1);
        assert_eq!(judged(&good, &good[1..]), 1);
        // A unit that fails with the original alone is none of ours.
        assert_eq!(judged(&good[..2], &good), 0);
        assert_eq!(judged(&good, &good[..2]), 1);
        assert_eq!(judged(&["@@ same module a", "@@ fail x"], &["@@ same module a"]), 1);
        assert_eq!(judged(&["@@ same module a"], &["@@ same module a", "@@ fail x"]), 1);
        assert_eq!(judged(&["@@ pass x"], &["@@ pass x"]), 1, "nothing was compared");
    }

    #[test]
    fn the_wrong_tools_or_library_are_told() {
        let lines = ["@@ tools kmod version 34.2 komod 0.1.0", "@@ library abc", "@@ done"];
        let wrong = |side, library| {
            let mut account = account(&lines);
            account.is_of(side, library);
            account.not_so.len()
        };
        assert_eq!(wrong(Side::Komod, "abc"), 0);
        assert_eq!(wrong(Side::Komod, "abd"), 1);
        assert_eq!(wrong(Side::Original, "abc"), 1);
        let mut none = Account::default();
        none.is_of(Side::Original, "");
        assert_eq!(none.not_so.len(), 1);
    }

    #[test]
    fn figures_keep_their_order() {
        let account = account(&["@@ figure a 3", "@@ figure b 1.5", "@@ figure a 2"]);
        assert_eq!(account.figures["a"], [3.0, 2.0]);
        assert_eq!(account.figures["b"], [1.5]);
    }
}
