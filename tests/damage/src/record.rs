//! What came of all questions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::golden::Golden;
use crate::meter::{self, Cost};

/// The most that a question may take of the heap over the file's own size, in bytes.
pub const MEMORY: usize = 64 << 20;
/// The most processor time that a question may take.
pub const TIME: Duration = Duration::from_secs(1);

/// Figures of each kind of file.
#[derive(Debug, Default)]
pub struct Record {
    kinds: BTreeMap<&'static str, Figures>,
    failed: usize,
    /// What the process had in memory before the first question.
    before: Option<usize>,
}

#[derive(Debug, Default)]
struct Figures {
    files: Vec<String>,
    bytes: usize,
    changes: usize,
    memory: usize,
    time: Duration,
    slowest: String,
}

impl Record {
    /// Adds one question; tells of it when it broke a promise.
    pub fn add(&mut self, golden: &Golden, what: &dyn Fn() -> String, cost: &Cost) {
        self.add_within(golden, what, cost, golden.bytes.len() + MEMORY, TIME);
    }

    /// As [`Record::add`], with other bounds of memory and time.
    pub fn add_within(
        &mut self,
        golden: &Golden,
        what: &dyn Fn() -> String,
        cost: &Cost,
        allowed: usize,
        soon: Duration,
    ) {
        let figures = self.kinds.entry(golden.group).or_default();
        if figures.files.last() != Some(&golden.name) {
            figures.files.push(golden.name.clone());
            figures.bytes += golden.bytes.len();
        }
        figures.changes += 1;
        figures.memory = figures.memory.max(cost.heap);
        if cost.time > figures.time {
            figures.time = cost.time;
            figures.slowest = what();
        }
        let before = *self.before.get_or_insert(cost.resident);
        let broken = if let Some(words) = &cost.panic {
            Some(words.clone())
        } else if cost.heap > allowed {
            Some(format!("{} bytes of memory", cost.heap))
        } else if cost.resident > before.saturating_add(allowed) {
            self.before = Some(cost.resident);
            Some(format!("{} bytes in memory, {before} before", cost.resident))
        } else if cost.time > soon {
            Some(format!("{:?}", cost.time))
        } else {
            None
        };
        if let Some(broken) = broken {
            self.fail(&format!("{}: {broken}", what()));
        }
    }

    /// Counts one broken promise, and tells of the first ones.
    pub fn fail(&mut self, what: &str) {
        self.failed += 1;
        if self.failed <= 20 {
            eprintln!("{what}");
        }
    }

    /// How many promises were broken.
    pub fn failures(&self) -> usize {
        self.failed
    }

    /// A line for each kind, and their sum.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<14}{:>6}{:>9}{:>10}{:>12}{:>10}  slowest\n",
            "kind", "files", "bytes", "changes", "memory", "time"
        );
        let mut all = Figures::default();
        for (kind, figures) in &self.kinds {
            line(&mut text, kind, figures, figures.files.len());
            all.files.extend(figures.files.iter().cloned());
            all.bytes += figures.bytes;
            all.changes += figures.changes;
            all.memory = all.memory.max(figures.memory);
            all.time = all.time.max(figures.time);
        }
        line(&mut text, "all", &all, all.files.len());
        let resident = meter::resident() >> 20;
        let _ = writeln!(text, "the process itself had at most {resident} MiB in memory");
        // As `cargo test` says it, for who counts.
        let passed = all.changes.saturating_sub(self.failed);
        let word = if self.failed == 0 { "ok" } else { "FAILED" };
        let _ = writeln!(text, "test result: {word}. {passed} passed; {} failed", self.failed);
        text
    }
}

fn line(text: &mut String, kind: &str, figures: &Figures, files: usize) {
    let Figures { bytes, changes, memory, time, slowest, .. } = figures;
    let memory = format!("{} KiB", memory.div_ceil(1024));
    let time = format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let _ = writeln!(
        text,
        "{kind:<14}{files:>6}{bytes:>9}{changes:>10}{memory:>12}{time:>10}  {slowest}"
    );
}
