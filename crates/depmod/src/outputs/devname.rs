//! `modules.devname`: device nodes to make before their module is there.

use super::node::{self, Node};
use super::{Database, line};
use crate::facts::Key;
use crate::finding::{Finding, Sink};

pub(super) fn text(database: &Database<'_>, sink: &mut Sink<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for (_, module) in database.catalog.iter() {
        let Some(Node { name: devname, numbers }) = node::node(module.texts(Key::Alias)) else {
            continue;
        };
        let module = module.name().as_bytes();
        let Some(node::Numbers { kind, major, minor }) = numbers else {
            sink(Finding::DevnameWithoutNumbers { module, devname });
            continue;
        };
        if text.is_empty() {
            text.extend_from_slice(b"# Device nodes to trigger on-demand module loading.\n");
        }
        let numbers = format!("{kind}{major}:{minor}");
        line(&mut text, &[module, devname, numbers.as_bytes()]);
    }
    text
}
