//! `modules.softdep` and `modules.weakdep`: what modules would like to have
//! beside them.

use super::{Database, line};
use crate::facts::Key;
use crate::finding::Sink;

pub(super) fn softdep(database: &Database<'_>, _: &mut Sink<'_>) -> Vec<u8> {
    let header = b"# Soft dependencies extracted from modules themselves.\n";
    text(database, header, b"softdep", Key::Softdep)
}

pub(super) fn weakdep(database: &Database<'_>, _: &mut Sink<'_>) -> Vec<u8> {
    let header = b"# Weak dependencies extracted from modules themselves.\n";
    text(database, header, b"weakdep", Key::Weakdep)
}

fn text(database: &Database<'_>, header: &[u8], word: &[u8], key: Key) -> Vec<u8> {
    let mut text = header.to_vec();
    for (_, module) in database.catalog.iter() {
        for value in module.texts(key) {
            line(&mut text, &[word, module.name().as_bytes(), value]);
        }
    }
    text
}
