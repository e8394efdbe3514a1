//! How a command of the project's own ends.

/// Why it stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// This machine cannot do it: something outside the repository is
    /// missing (network, QEMU, a Debian mirror). The text names it.
    #[error("{0}")]
    NotHere(String),
    /// It could be done here and went wrong.
    #[error("{0}")]
    Failed(String),
}

impl Stop {
    /// An input or output error while `doing`, as a failure.
    pub fn io(doing: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Failed(format!("{doing}: {error}"))
    }
}

/// What a part of the tests counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Checks that held.
    pub passed: usize,
    /// Checks that did not.
    pub failed: usize,
}

impl Tally {
    /// Counts one more check.
    pub fn count(&mut self, held: bool) {
        if held {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Adds what another part counted.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}
