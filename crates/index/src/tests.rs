//! Whole indexes: written, read, compared with a slow model, and broken.

mod broken;
mod golden;
mod hostile;
mod model;
mod order;

use crate::{Builder, Index};

/// An index of (key, value, priority), inserted in that order.
fn index(entries: &[(&str, &str, u32)]) -> Index {
    Index::from_bytes(bytes(entries)).unwrap()
}

fn bytes(entries: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut builder = Builder::new();
    for (key, value, priority) in entries {
        builder.insert(key.as_bytes(), value.as_bytes(), *priority).unwrap();
    }
    builder.finish().unwrap()
}

/// The values for `key`, joined by blanks.
fn ask(index: &Index, key: &str) -> String {
    let values: Vec<_> =
        index.find_matching(key.as_bytes()).iter().map(|v| text(v.value)).collect();
    values.join(" ")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// All of an index as `KEY VALUE PRIORITY` lines.
fn dump(index: &Index) -> Vec<String> {
    let mut lines = Vec::new();
    index.for_each(&mut |key, value| {
        lines.push(format!("{} {} {}", text(key), text(value.value), value.priority));
    });
    lines
}
