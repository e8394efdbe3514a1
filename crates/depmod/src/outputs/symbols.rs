//! `modules.symbols`: which module exports a symbol.

use komod_index::TooLarge;

use super::Database;
use super::entries::Entries;
use crate::finding::Sink;

pub(super) const INDEX: &str = "modules.symbols.bin";

const PREFIX: &[u8] = b"symbol:";

pub(super) fn text(database: &Database<'_>, _: &mut Sink<'_>) -> Vec<u8> {
    let mut text = b"# Aliases for symbols, used by symbol_request().\n".to_vec();
    for (symbol, owner) in database.symbols.of_modules() {
        let module = database.catalog.module(owner).name();
        for part in [b"alias ", PREFIX, symbol, b" ", module.as_bytes(), b"\n"] {
            text.extend_from_slice(part);
        }
    }
    text
}

pub(super) fn index(database: &Database<'_>, sink: &mut Sink<'_>) -> Result<Vec<u8>, TooLarge> {
    let mut entries = Entries::of(INDEX);
    let mut key = PREFIX.to_vec();
    for (symbol, owner) in database.symbols.of_modules() {
        key.truncate(PREFIX.len());
        key.extend_from_slice(symbol);
        let module = database.catalog.module(owner).name();
        entries.add(&key, module.as_bytes(), owner.0, sink);
    }
    entries.finish()
}
