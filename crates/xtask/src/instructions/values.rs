//! `tests/instructions.txt`: what each command cost when it was last judged
//! good, and by which compiler it was built then.

use std::fmt::Write;

use crate::outcome::Stop;

/// More than this many hundredths above the kept value are a failure; as many
/// below it, and the value is out of date.
const SLACK: u64 = 2;

const HEAD: &str = "\
# Instructions of the static program (callgrind), on the kernel that
# crates/xtask/src/instructions/kernel.rs makes.
# UPDATE=1 cargo xtask test instructions writes this file.
";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// The release of the compiler.
    pub compiler: String,
    /// The sum of all files that were worked on.
    pub tree: u64,
    /// Commands and their instructions.
    pub counts: Vec<(String, u64)>,
}

/// How a count compares with the kept one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// About the same.
    Holds,
    /// More than the slack above.
    Worse,
    /// More than the slack below.
    Better,
    /// There is no kept value.
    New,
}

impl Values {
    /// Reads the file; an error names the line that makes no sense.
    pub fn read(text: &str) -> Result<Self, Stop> {
        let (mut compiler, mut tree, mut counts) = (None, None, Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let bad = || Stop::Failed(format!("instructions.txt: {line:?} makes no sense"));
            let (name, value) = line.split_once(' ').ok_or_else(bad)?;
            let value = value.trim();
            match name {
                "compiler" => compiler = Some(value.to_owned()),
                "tree" => tree = Some(u64::from_str_radix(value, 16).map_err(|_| bad())?),
                _ => counts.push((name.to_owned(), value.parse().map_err(|_| bad())?)),
            }
        }
        let lacks = |what: &str| Stop::Failed(format!("instructions.txt: no {what}"));
        Ok(Self {
            compiler: compiler.ok_or_else(|| lacks("compiler"))?,
            tree: tree.ok_or_else(|| lacks("tree"))?,
            counts,
        })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}compiler {}\ntree {:016x}\n", self.compiler, self.tree);
        for (name, count) in &self.counts {
            let _ = writeln!(text, "{name} {count}");
        }
        text
    }

    /// The kept value of a command.
    pub fn of(&self, name: &str) -> Option<u64> {
        self.counts.iter().find(|(own, _)| own == name).map(|(_, count)| *count)
    }

    /// What is to be said of a command that now has `count` instructions.
    pub fn judge(&self, name: &str, count: u64) -> Verdict {
        let Some(kept) = self.of(name) else {
            return Verdict::New;
        };
        match 100 * count {
            now if now > (100 + SLACK) * kept => Verdict::Worse,
            now if now < (100 - SLACK) * kept => Verdict::Better,
            _ => Verdict::Holds,
        }
    }
}

/// The share by which `now` is above `kept`.
pub fn change(kept: u64, now: u64) -> f64 {
    now as f64 / kept.max(1) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let counts = vec![("depmod".into(), 100_000), ("start".into(), 500)];
        Values { compiler: "1.95.0".into(), tree: 0x0123_abcd, counts }
    }

    #[test]
    fn what_is_written_is_read_and_nonsense_is_named() {
        assert_eq!(Values::read(&values().text()).unwrap(), values());
        for (from, to) in [
            ("depmod 100000", "depmod"),
            ("depmod 100000", "depmod many"),
            ("compiler 1.95.0\n", ""),
            ("tree 00000000", "tree x"),
        ] {
            let text = values().text();
            assert!(text.contains(from));
            assert!(Values::read(&text.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn two_in_a_hundred_are_the_limit() {
        let values = values();
        assert_eq!(values.judge("depmod", 102_000), Verdict::Holds);
        assert_eq!(values.judge("depmod", 102_001), Verdict::Worse);
        assert_eq!(values.judge("depmod", 98_000), Verdict::Holds);
        assert_eq!(values.judge("depmod", 97_999), Verdict::Better);
        assert_eq!(values.judge("nothing", 1), Verdict::New);
    }
}
