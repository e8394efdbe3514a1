//! Why a module does not load, and what helps.
//!
//! In go a module's file and the kernel that is to take it ([`KernelFacts`]); out come
//! [`Finding`]s: a typed [`Cause`] with the datum that proves it, and how sure it is.
//! [`preflight`] looks before anything is tried, [`causes`] after a failure, with what
//! the kernel's log says. As text a finding is one line: cause,
//! datum, cure.
//!
//! Reads only, and only when asked. It never prints, never loads, changes nothing, and
//! knows no option of a command line. What it cannot know it does not claim.
#![cfg_attr(test, allow(clippy::restriction))]

mod because;
mod denied;
mod exports;
mod facts;
mod failure;
#[cfg(test)]
mod failure_tests;
mod finding;
mod log;
mod nearest;
pub mod parameters;
mod preflight;
#[cfg(test)]
mod preflight_tests;
mod reference;
mod said;
mod situation;
#[cfg(test)]
mod situation_tests;
mod situation_words;
mod trust;
mod words;
#[cfg(test)]
mod world;

pub use because::Because;
pub use denied::Denied;
pub use exports::{Export, Exporter, OwnExports};
pub use facts::KernelFacts;
pub use failure::{Attempt, causes, ignored_parameters};
pub use finding::{Cause, Finding};
pub use nearest::nearest;
pub use parameters::Parameter;
pub use preflight::{Way, looks_like, preflight, preflight_bytes, same_magic, trailer};
pub use reference::Reference;
pub use situation::{in_use, left_in, near_names, no_file, unknown_name};
pub use trust::{KeySearch, Lockdown};
