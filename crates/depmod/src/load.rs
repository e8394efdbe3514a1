//! Reads every module and merges what they say, in module order.

use komod_file::ModuleFile;

use crate::catalog::{Catalog, Module, Wanted};
use crate::facts::{ModuleFacts, read_module};
use crate::finding::{Finding, Sink, Unreadable};
use crate::symbols::{Owner, Symbols};

/// Reads the modules of `catalog` and enters their exports into `symbols`,
/// which may hold the kernel's own already.
///
/// `prefix` is a byte that the architecture puts before every symbol: one of
/// it is taken away.
pub fn load_modules(
    catalog: &mut Catalog,
    symbols: &mut Symbols,
    prefix: Option<u8>,
    sink: &mut Sink<'_>,
) {
    // One buffer for all: fresh memory for each file costs more than reading it.
    let mut bytes = Vec::new();
    for id in catalog.ids() {
        let module = catalog.module_mut(id);
        match read_file(module, &mut bytes) {
            Ok(mut facts) => {
                if let Some(error) = facts.damage.take() {
                    let why = Unreadable::Elf(error);
                    sink(Finding::Unreadable { path: module.found.path(), why });
                }
                merge(facts, module, Owner::Module(id), symbols, prefix);
            }
            Err(why) => sink(Finding::Unreadable { path: module.found.path(), why }),
        }
    }
}

fn read_file(module: &Module, bytes: &mut Vec<u8>) -> Result<ModuleFacts, Unreadable> {
    let file = ModuleFile::open(module.found.to_path()).map_err(Unreadable::File)?;
    file.contents_into(bytes).map_err(Unreadable::File)?;
    read_module(bytes).map_err(Unreadable::Elf)
}

fn merge(
    facts: ModuleFacts,
    module: &mut Module,
    owner: Owner,
    symbols: &mut Symbols,
    prefix: Option<u8>,
) {
    for (span, crc) in &facts.exports {
        let name = span.of(&facts.symbol_text);
        let symbol = symbols.intern(without(name, prefix).0);
        symbols.export(symbol, owner, *crc);
    }
    module.wants.reserve_exact(facts.needs.len());
    for &(span, crc, weak) in &facts.needs {
        let (name, dot) = without(span.of(&facts.symbol_text), Some(b'.'));
        let (name, prefix) = without(name, prefix);
        module.wants.push(Wanted { symbol: symbols.intern(name), crc, weak, cut: [dot, prefix] });
    }
    module.texts = facts.texts;
}

/// `name` without one leading `byte`, and that byte.
fn without(name: &[u8], byte: Option<u8>) -> (&[u8], Option<u8>) {
    match (name, byte) {
        ([first, rest @ ..], Some(byte)) if *first == byte => (rest, Some(byte)),
        _ => (name, None),
    }
}
