//! The indexes of what is built into the kernel, from the lists that its
//! build leaves in the module directory.

use komod_index::{BuiltinInfo, TooLarge};
use komod_name::ModuleName;

use super::Database;
use super::entries::Entries;
use crate::finding::{Finding, Sink};
use crate::inputs;

pub(super) const INDEX: &str = "modules.builtin.bin";
pub(super) const ALIAS_INDEX: &str = "modules.builtin.alias.bin";

/// Without a readable list the index is empty, and valid.
pub(super) fn index(database: &Database<'_>, sink: &mut Sink<'_>) -> Result<Vec<u8>, TooLarge> {
    let mut entries = Entries::of(INDEX);
    let list = inputs::read(database.dir, "modules.builtin", sink).unwrap_or_default();
    for line in list.split_inclusive(|&b| b == b'\n') {
        if !line.first().is_some_and(u8::is_ascii_alphabetic) {
            sink(Finding::BuiltinLine { line });
            continue;
        }
        // The name ends at the first dot. A line without one keeps its end,
        // as it always has; nobody asks for such a name.
        entries.add(ModuleName::of_path(line).as_bytes(), b"", 0, sink);
    }
    entries.finish()
}

/// Without a readable list the index is empty, and valid.
pub(super) fn alias_index(
    database: &Database<'_>,
    sink: &mut Sink<'_>,
) -> Result<Vec<u8>, TooLarge> {
    let mut entries = Entries::of(ALIAS_INDEX);
    let list = inputs::read(database.dir, "modules.builtin.modinfo", sink).unwrap_or_default();
    // A record counts only with its end, and one without a module counts
    // for nothing.
    let whole = list.iter().rposition(|&b| b == 0).and_then(|end| list.get(..=end));
    for (module, value) in BuiltinInfo::new(whole.unwrap_or_default()).records().flatten() {
        let Some(alias) = value.strip_prefix(b"alias=") else { continue };
        if module.is_empty() || alias.is_empty() {
            continue;
        }
        match komod_name::alias(alias) {
            Ok(key) => entries.add(&key, module, 0, sink),
            Err(_) => sink(Finding::UnmatchedBracket { alias }),
        }
    }
    entries.finish()
}
