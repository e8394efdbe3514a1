//! What should happen when somebody asks for a module.
//!
//! In go one module directory's indexes ([`Database`]), the administrator's
//! configuration, a name, alias or path, and a [`Request`]; out comes a
//! [`Plan`] (or a [`RemovalPlan`]): every step in order, with the reason why
//! one is skipped. Planning changes nothing and asks the running kernel only
//! what is loaded. [`execute`] and [`remove`] carry a plan out and ask again
//! only that.
//!
//! Refuses to know: options of a command line, words for people, streams.
//! What a caller may want to say arrives as an [`Event`].
#![cfg_attr(test, allow(clippy::restriction))]

mod database;
mod deny;
mod execute;
mod insert;
mod load;
mod lookups;
mod plan;
mod removal;
mod resolver;
mod unload;
#[cfg(test)]
mod world;

pub use database::{Broken, Database};
pub use execute::{Event, Failure, execute};
pub use insert::{Blacklist, Request, merged_options, plan_insert};
pub use komod_command::{CommandLine, Commands, Shell, Status};
pub use load::{Cause, Force, LoadError, load_file};
pub use plan::{Action, Plan, Reason, Step};
pub use removal::{RemovalAction, RemovalPlan, RemovalRequest, RemovalStep, plan_removal};
pub use resolver::{Resolver, Source, Target};
pub use unload::{RemovalEvent, RemovalFailure, rehearse_removal, remove};
