//! Symbols by dense ids, and who exports them.

use std::hash::{BuildHasher, RandomState};

use crate::catalog::ModuleId;
use crate::facts::Span;
use crate::order;

/// A symbol's name in [`Symbols`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(u32);

/// Who exports a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The kernel itself.
    Kernel,
    /// A module.
    Module(ModuleId),
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    name: Span,
    exported: Option<(Owner, u64)>,
}

/// Every symbol that is exported or asked for.
///
/// Names are kept once, one behind the other; the table beside them holds ids
/// only, so that a symbol costs no allocation of its own.
#[derive(Debug, Default)]
pub struct Symbols {
    text: Vec<u8>,
    symbols: Vec<Symbol>,
    /// Open addressing: 0, or id + 1. The length is a power of two and at
    /// least twice the number of symbols.
    table: Vec<u32>,
    hasher: RandomState,
}

impl Symbols {
    /// The id of `name`, new or old.
    pub(crate) fn intern(&mut self, name: &[u8]) -> SymbolId {
        if self.table.len() <= self.symbols.len() * 2 {
            self.grow();
        }
        let slot = self.slot(name);
        match self.table[slot] {
            0 => {
                let id = self.symbols.len() as u32;
                let name = Span::push(&mut self.text, name);
                self.symbols.push(Symbol { name, exported: None });
                self.table[slot] = id + 1;
                SymbolId(id)
            }
            taken => SymbolId(taken - 1),
        }
    }

    /// The slot that holds `name`, or the free one where it belongs.
    fn slot(&self, name: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = self.hasher.hash_one(name) as usize & mask;
        while let Some(id) = self.table[slot].checked_sub(1) {
            if self.name(SymbolId(id)) == name {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(1024);
        self.table = vec![0; size];
        for id in 0..self.symbols.len() as u32 {
            let slot = self.slot(self.symbols[id as usize].name.of(&self.text));
            self.table[slot] = id + 1;
        }
    }

    /// Says that `owner` exports `symbol`; it takes the place of any earlier
    /// exporter.
    pub(crate) fn export(&mut self, symbol: SymbolId, owner: Owner, crc: u64) {
        self.symbols[symbol.0 as usize].exported = Some((owner, crc));
    }

    /// The symbol's name.
    pub fn name(&self, symbol: SymbolId) -> &[u8] {
        self.symbols[symbol.0 as usize].name.of(&self.text)
    }

    /// Who exports it, and in which version. `None`: nobody.
    pub fn exporter(&self, symbol: SymbolId) -> Option<(Owner, u64)> {
        self.symbols[symbol.0 as usize].exported
    }

    /// What modules export, in the order of `modules.symbols`: by a hash, then
    /// by name.
    pub fn of_modules(&self) -> Vec<(&[u8], ModuleId)> {
        let exported = self.symbols.iter().filter_map(|symbol| match symbol.exported {
            Some((Owner::Module(id), _)) => Some((symbol.name.of(&self.text), id)),
            _ => None,
        });
        let mut all: Vec<_> = exported.collect();
        all.sort_by_cached_key(|&(name, _)| (order::bucket(name, order::SYMBOL_BUCKETS), name));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id_while_the_table_grows() {
        let mut symbols = Symbols::default();
        let names: Vec<String> = (0..5000).map(|n| format!("symbol_{n}")).collect();
        let ids: Vec<_> = names.iter().map(|n| symbols.intern(n.as_bytes())).collect();
        for (name, id) in names.iter().zip(&ids) {
            assert_eq!(symbols.intern(name.as_bytes()), *id);
            assert_eq!(symbols.name(*id), name.as_bytes());
        }
    }

    #[test]
    fn the_last_exporter_owns_a_symbol_and_the_kernel_s_are_not_listed() {
        let mut symbols = Symbols::default();
        let (a, b) = (symbols.intern(b"a"), symbols.intern(b"b"));
        symbols.export(a, Owner::Kernel, 1);
        symbols.export(b, Owner::Kernel, 1);
        symbols.export(a, Owner::Module(ModuleId(0)), 2);
        symbols.export(a, Owner::Module(ModuleId(7)), 3);
        assert_eq!(symbols.exporter(a), Some((Owner::Module(ModuleId(7)), 3)));
        assert_eq!(symbols.of_modules(), [(&b"a"[..], ModuleId(7))]);
    }
}
