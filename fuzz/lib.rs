//! Hostile bytes for everything that reads them.
//!
//! In goes one input, any bytes; out comes nothing: a [`Target`] asks all that
//! the tools would ask of it and panics when an answer breaks a promise. What
//! an input may cost is held by [`Limits`]. [`Target::seeds`] makes the inputs
//! to begin with from the fixtures; what was ever found stands in
//! `regressions/`. Knows nothing of the fuzzer: `main.rs` hands it inputs, and
//! `tests/replay.rs` replays seeds and regressions with any compiler.
#![allow(clippy::restriction)]

mod limits;
mod model;
mod seeds;
mod targets;

pub use limits::Limits;
pub use targets::{TARGETS, TRAP};

/// A parser, and how it is held to its promises.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it reads, in a few words.
    pub reads: &'static str,
    /// Asks everything of one input. Panics where a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs to begin with, the same on every run.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// The longest input worth trying, in bytes.
    pub longest: usize,
    /// Words that stand in such files: what random bytes would not hit upon.
    pub words: &'static [&'static [u8]],
    /// What it may need.
    pub limits: Limits,
}

impl Target {
    /// The target of that name, [`TRAP`] too; `None` if there is none.
    pub fn of_name(name: &str) -> Option<&'static Self> {
        TARGETS.iter().chain([&TRAP]).find(|target| target.name == name)
    }

    /// Runs it on one input within its limits.
    ///
    /// # Panics
    /// When an answer breaks a promise, or the input costs too much.
    pub fn try_input(&self, input: &[u8]) {
        self.limits.hold(input.len(), || (self.run)(input));
    }
}
