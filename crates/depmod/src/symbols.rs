//! Symbols by dense ids, and who exports them.

use std::sync::OnceLock;

use crate::catalog::ModuleId;
use crate::names::Names;
use crate::order;

/// A symbol's name in [`Symbols`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub(crate) u32);

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
    /// By whom and in which version; one for each name.
    exported: Vec<Option<(Owner, u64)>>,
    /// What modules export in the order of `modules.symbols`, once it was asked for:
    /// two files need it.
    order: OnceLock<Vec<SymbolId>>,
}

impl Symbols {
    /// The id of `name`, new or old.
    pub(crate) fn intern(&mut self, name: &[u8]) -> SymbolId {
        let id = self.names.intern(name);
        if id as usize == self.exported.len() {
            self.exported.push(None);
        }
        SymbolId(id)
    }

    /// Says that `owner` exports `symbol`; it takes the place of any earlier
    /// exporter.
    pub(crate) fn export(&mut self, symbol: SymbolId, owner: Owner, crc: u64) {
        self.order.take();
        self.exported[symbol.0 as usize] = Some((owner, crc));
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.exported.len()
    }

    /// The symbol's name.
    pub fn name(&self, symbol: SymbolId) -> &[u8] {
        self.names.name(symbol.0)
    }

    /// Who exports it, and in which version. `None`: nobody.
    pub fn exporter(&self, symbol: SymbolId) -> Option<(Owner, u64)> {
        self.exported[symbol.0 as usize]
    }

    /// What modules export, in the order of `modules.symbols`: by a hash, then
    /// by name.
    pub fn of_modules(&self) -> impl Iterator<Item = (&[u8], ModuleId)> {
        let order = self.order.get_or_init(|| {
            let exported = (0..).map(SymbolId).zip(&self.exported);
            let of_modules = exported.filter_map(|(symbol, exported)| match exported {
                Some((Owner::Module(_), _)) => Some(symbol),
                _ => None,
            });
            let mut order: Vec<SymbolId> = of_modules.collect();
            order.sort_by_cached_key(|&symbol| {
                let name = self.name(symbol);
                (order::bucket(name, order::SYMBOL_BUCKETS), name)
            });
            order
        });
        order.iter().filter_map(|&symbol| match self.exporter(symbol) {
            Some((Owner::Module(id), _)) => Some((self.name(symbol), id)),
            _ => None,
        })
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
        symbols.export(a, Owner::Module(ModuleId(0)), 2);
        symbols.export(a, Owner::Module(ModuleId(7)), 3);
        assert_eq!(symbols.exporter(a), Some((Owner::Module(ModuleId(7)), 3)));
        assert!(symbols.of_modules().eq([(&b"a"[..], ModuleId(7))]));
        symbols.export(b, Owner::Module(ModuleId(1)), 0);
        assert_eq!(symbols.of_modules().count(), 2);
    }
}
