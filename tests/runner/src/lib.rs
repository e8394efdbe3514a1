//! The case runner: tests that hold komod and the original to the same texts.
//!
//! In goes a directory of cases (`tests/cases/TOOL/BEHAVIOUR/`, small files, see
//! `tests/README.md`) and a [`Program`]: komod, or an original kmod. Each case's
//! [`Tree`] becomes a scratch root, the tool runs inside it with the kernel faked
//! ([`sandbox`]), and what it wrote, returned and asked of the kernel is compared
//! with the case's files. Beside them, a program whose file system fails it at one
//! call ([`faults`]). Knows nothing of how any tool works.
#![allow(clippy::restriction)]

pub mod calls;
pub mod case;
pub mod fake_kernel;
pub mod faults;
mod namespace;
pub mod program;
pub mod root;
pub mod sandbox;
pub mod scratch;
mod seccomp;
mod shell;
pub mod suite;
pub mod tree;
pub mod verdict;
pub mod willing;
pub mod words;

pub use case::Case;
pub use program::Program;
pub use suite::Suite;
pub use tree::Tree;

/// Why a case could not even be judged: a file that makes no sense, or a machine
/// that refuses the box.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

impl Trouble {
    /// An input or output error at `path`.
    pub fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self(format!("{}: {error}", path.display()))
    }
}
