use komod_name::ModuleName;

use crate::facts::Texts;
use crate::scan::Found;
use crate::symbols::SymbolId;

/// A module of a [`Catalog`]: its place in module order, which is also its
/// priority in every index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

impl ModuleId {
    /// As an index into vectors with one element a module.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A symbol that a module asks others for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The symbol, spelled as exporters spell it.
    pub symbol: SymbolId,
    /// The version it was built against; 0 when it says none.
    pub crc: u64,
    /// Whether the module can do without.
    pub weak: bool,
    /// How many leading bytes of the module's own spelling `symbol` lacks.
    pub cut: [Option<u8>; 2],
}

/// A module file and what its bytes say.
#[derive(Debug)]
pub struct Module {
    /// Where it is.
    pub found: Found,
    pub(crate) texts: Texts,
    pub(crate) wants: Vec<Wanted>,
    pub(crate) exports: Vec<SymbolId>,
}

impl Module {
    pub(crate) fn new(found: Found) -> Self {
        Self { found, texts: Texts::default(), wants: Vec::new(), exports: Vec::new() }
    }

    /// Its name.
    pub fn name(&self) -> &ModuleName {
        &self.found.name
    }
}

/// Every module of a database, in module order, no two of one name.
#[derive(Debug, Default)]
pub struct Catalog {
    modules: Vec<Module>,
}

impl Catalog {
    pub(crate) fn new(sorted: Vec<Found>) -> Self {
        Self { modules: sorted.into_iter().map(Module::new).collect() }
    }

    /// How many modules there are.
    pub fn len(&self) -> usize {
        self.modules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }

    /// The modules with their ids, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ModuleId, &Module)> + ExactSizeIterator {
        self.modules.iter().enumerate().map(|(at, module)| (ModuleId(at as u32), module))
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ModuleId> + ExactSizeIterator + use<> {
        (0..self.modules.len() as u32).map(ModuleId)
    }

    /// The module called so by an id of this very catalog.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.index()]
    }

    pub(crate) fn module_mut(&mut self, id: ModuleId) -> &mut Module {
        &mut self.modules[id.index()]
    }
}
