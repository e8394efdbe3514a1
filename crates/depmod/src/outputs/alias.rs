//! `modules.alias`: what devices and others call modules.

use std::collections::HashSet;

use komod_index::TooLarge;

use super::entries::Entries;
use super::{Database, line};
use crate::facts::Key;
use crate::finding::{Finding, Sink};

pub(super) const INDEX: &str = "modules.alias.bin";

/// Aliases as the modules spell them.
pub(super) fn text(database: &Database<'_>, _: &mut Sink<'_>) -> Vec<u8> {
    let mut text = b"# Aliases extracted from modules themselves.\n".to_vec();
    for (_, module) in database.catalog.iter() {
        for alias in module.texts(Key::Alias) {
            line(&mut text, &[b"alias", alias, module.name().as_bytes()]);
        }
    }
    text
}

/// Aliases as they are looked up.
pub(super) fn index(database: &Database<'_>, sink: &mut Sink<'_>) -> Result<Vec<u8>, TooLarge> {
    let mut entries = Entries::of(INDEX);
    for (id, module) in database.catalog.iter() {
        let name = module.name().as_bytes();
        let mut told = HashSet::new();
        for alias in module.texts(Key::Alias) {
            let Ok(key) = komod_name::alias(alias) else {
                sink(Finding::UnmatchedBracket { alias });
                continue;
            };
            entries.add(&key, name, id.0, sink);
            if database.tell_duplicates && !told.insert(key.clone()) {
                sink(Finding::DuplicateAlias { alias: &key, module: name });
            }
        }
    }
    entries.finish()
}
