//! Numbers of modules and symbols: dense, so that vectors hold what belongs to each.

/// A module of a [`Catalog`](crate::Catalog): its place in module order, which is also its
/// priority in every index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

impl ModuleId {
    /// As an index into vectors with one element a module.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A symbol's name in [`Symbols`](crate::Symbols).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub(crate) u32);

impl SymbolId {
    /// As an index into vectors of [`Symbols::len`](crate::Symbols::len) elements.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
