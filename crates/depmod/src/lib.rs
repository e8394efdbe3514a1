//! Building the module database: scan, graph, outputs, publish.
//!
//! In go a module directory, what the administrator decided about it
//! ([`DepmodConfig`](komod_config::DepmodConfig)) and, to check symbols, what
//! the kernel itself exports ([`KernelSymbols`]). Out come the texts and
//! indexes of `modules.dep`(5) ([`Database`]), which [`publish`] puts in
//! place all together. Everything worth telling somebody on the way is handed
//! to a sink as a [`Finding`]; the crate prints nothing, knows no option and
//! no exit code, and never asks the running kernel.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "numbers are places in vectors made here; those of a file are checked where it is read"
)]
#![cfg_attr(test, allow(clippy::restriction))]

mod catalog;
mod cycles;
mod direct;
mod facts;
mod finding;
mod found;
mod fresh;
mod graph;
mod ids;
mod inputs;
mod kernel_symbols;
mod limit;
mod list;
mod load;
mod loaded;
mod look;
mod names;
mod order;
mod outputs;
mod publish;
mod rank;
mod recall;
mod scan;
mod survey;
mod symbols;
mod turn;

pub use catalog::{Catalog, Module, Need};
pub use finding::{Finding, Sink, Unreadable};
pub use found::Found;
pub use fresh::is_fresh;
pub use graph::{Checks, Graph, InCycles};
pub use ids::{ModuleId, SymbolId};
pub use inputs::NAMES as INPUTS;
pub use kernel_symbols::KernelSymbols;
pub use limit::survive_size_limit;
pub use load::{Inspect, Reading, inspect_modules, load_modules, load_modules_again};
pub use loaded::{Loaded, LoadedFile, OwnTale};
pub use look::{Look, links, look};
pub use order::sort as sort_modules;
pub use outputs::{Before, Database, IndexTooLarge, LAST, OutputFile, file_names};
pub use publish::{PublishError, make_directory, publish, remove_leftovers};
pub use rank::Rule;
pub use recall::{Recall, Remembered, remember};
pub use scan::{AddError, ScanError, explicit, scan, scan_again};
pub use survey::Survey;
pub use symbols::{Owner, Symbols};
pub use turn::Turn;
