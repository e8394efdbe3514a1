//! `modules.dep`: every module with all that must be loaded before it.

use komod_index::TooLarge;

use super::Database;
use super::entries::Entries;
use crate::finding::Sink;
use crate::graph::Closure;
use crate::ids::ModuleId;

pub(super) const INDEX: &str = "modules.dep.bin";

pub(super) fn text(database: &Database<'_>, _: &mut Sink<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    let mut scratch = Closure::default();
    for id in database.catalog.ids() {
        append(database, id, &mut scratch, &mut text);
        text.push(b'\n');
    }
    text
}

pub(super) fn index(database: &Database<'_>, sink: &mut Sink<'_>) -> Result<Vec<u8>, TooLarge> {
    let mut entries = Entries::of(INDEX);
    let mut scratch = Closure::default();
    let mut line = Vec::new();
    for (id, module) in database.catalog.iter() {
        line.clear();
        append(database, id, &mut scratch, &mut line);
        entries.add(module.name().as_bytes(), &line, id.0, sink);
    }
    entries.finish()
}

/// The line of one module without its end: the value in the index.
fn append(database: &Database<'_>, id: ModuleId, scratch: &mut Closure, line: &mut Vec<u8>) {
    line.extend_from_slice(database.catalog.module(id).found.listed());
    line.push(b':');
    for &need in database.graph.closure(id, scratch) {
        line.push(b' ');
        line.extend_from_slice(database.catalog.module(need).found.listed());
    }
}
