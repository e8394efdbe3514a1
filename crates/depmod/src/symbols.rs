//! Symbols by dense ids, and who exports them.

use std::sync::OnceLock;

use crate::ids::{ModuleId, SymbolId};
use crate::names::Names;
use crate::order;

/// Who exports a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The kernel itself.
    Kernel,
    /// A module.
    Module(ModuleId),
}

/// Every symbol that is exported or asked for.
#[derive(Debug, Default)]
pub struct Symbols {
    names: Names,
    /// By whom; one for each name. All modules ask this for all they want, so it is small.
    owners: Vec<u32>,
    /// In which version; one for each name up to the last whose version is not 0.
    versions: Vec<u64>,
    /// What modules export in the order of `modules.symbols`, once it was asked for:
    /// two files need it.
    order: OnceLock<Vec<SymbolId>>,
}

const NOBODY: u32 = u32::MAX;
const KERNEL: u32 = u32::MAX - 1;

impl Symbols {
    /// These symbols, no two of one name, whose ids are their places; nobody exports
    /// them yet.
    pub(crate) fn of<'n>(names: impl ExactSizeIterator<Item = &'n [u8]>) -> Self {
        let names = Names::of(names);
        Self { owners: vec![NOBODY; names.len()], names, ..Self::default() }
    }

    /// The id of `name`, new or old.
    pub(crate) fn intern(&mut self, name: &[u8]) -> SymbolId {
        let id = self.names.intern(name);
        if id as usize == self.owners.len() {
            self.owners.push(NOBODY);
        }
        SymbolId(id)
    }

    /// Says that `owner` exports `symbol`; it takes the place of any earlier
    /// exporter.
    pub(crate) fn export(&mut self, symbol: SymbolId, owner: Owner, crc: u64) {
        self.order.take();
        let at = symbol.0 as usize;
        self.owners[at] = match owner {
            Owner::Kernel => KERNEL,
            Owner::Module(id) => id.0,
        };
        if crc != 0 && self.versions.len() <= at {
            self.versions.resize(at + 1, 0);
        }
        if let Some(version) = self.versions.get_mut(at) {
            *version = crc;
        }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The symbol's name.
    pub fn name(&self, symbol: SymbolId) -> &[u8] {
        self.names.name(symbol.0)
    }

    /// Who exports it, and in which version. `None`: nobody.
    pub fn exporter(&self, symbol: SymbolId) -> Option<(Owner, u64)> {
        let at = symbol.0 as usize;
        let owner = match self.owners[at] {
            NOBODY => return None,
            KERNEL => Owner::Kernel,
            id => Owner::Module(ModuleId(id)),
        };
        Some((owner, self.versions.get(at).copied().unwrap_or(0)))
    }

    /// Which module exports it, if one does.
    pub(crate) fn module(&self, symbol: SymbolId) -> Option<ModuleId> {
        let owner = self.owners[symbol.0 as usize];
        (owner < KERNEL).then_some(ModuleId(owner))
    }

    /// What modules export, in the order of `modules.symbols`: by a hash, then
    /// by name.
    pub fn of_modules(&self) -> impl Iterator<Item = (&[u8], ModuleId)> {
        let order = self.order.get_or_init(|| {
            let all = (0..self.len() as u32).map(SymbolId);
            let mut order: Vec<SymbolId> =
                all.filter(|symbol| self.module(*symbol).is_some()).collect();
            order.sort_by_cached_key(|&symbol| {
                let name = self.name(symbol);
                (order::bucket(name, order::SYMBOL_BUCKETS), name)
            });
            order
        });
        order.iter().filter_map(|&symbol| Some((self.name(symbol), self.module(symbol)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_exporter_owns_a_symbol_and_the_kernel_s_are_not_listed() {
        let mut symbols = Symbols::default();
        let (a, b) = (symbols.intern(b"a"), symbols.intern(b"b"));
        symbols.export(a, Owner::Kernel, 1);
        symbols.export(b, Owner::Kernel, 1);
        assert_eq!(symbols.exporter(b), Some((Owner::Kernel, 1)));
        symbols.export(a, Owner::Module(ModuleId(0)), 2);
        symbols.export(a, Owner::Module(ModuleId(7)), 3);
        assert_eq!(symbols.exporter(a), Some((Owner::Module(ModuleId(7)), 3)));
        assert!(symbols.of_modules().eq([(&b"a"[..], ModuleId(7))]));
        symbols.export(b, Owner::Module(ModuleId(1)), 0);
        assert_eq!(symbols.of_modules().count(), 2);
    }
}
