use komod_cache::{ModuleFacts, Text};
use komod_name::ModuleName;

use crate::facts::{Key, Texts, Wanted};
use crate::found::Found;
use crate::ids::{ModuleId, SymbolId};

/// A module file and what its bytes say.
#[derive(Debug)]
pub struct Module<'k> {
    /// Where it is.
    pub found: Found,
    /// What the last run kept of it; its names have the numbers of the symbols here.
    kept: Option<ModuleFacts<'k>>,
    /// What it said in this run, if nothing is kept: of few where much is.
    said: Option<Box<Said>>,
}

/// A symbol that a module asks others for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The symbol, spelled as exporters spell it.
    pub symbol: SymbolId,
    /// The version it was built against, if it says one and was read with checks
    /// ([`Reading::checks`](crate::Reading::checks)).
    pub crc: Option<u64>,
    /// Whether the module can do without.
    pub weak: bool,
}

/// What a module said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub texts: Texts,
    pub wants: Vec<Wanted>,
    pub exports: Vec<SymbolId>,
}

impl<'k> Module<'k> {
    pub(crate) fn new(found: Found) -> Self {
        Self { found, kept: None, said: None }
    }

    /// The symbols that it asks for, in its own order.
    pub fn needs(&self) -> impl Iterator<Item = Need> + use<'_, 'k> {
        self.wants().map(|wanted| Need {
            symbol: wanted.symbol,
            crc: Some(wanted.crc).filter(|crc| *crc != 0),
            weak: wanted.weak,
        })
    }

    /// Its name.
    pub fn name(&self) -> &ModuleName {
        &self.found.name
    }

    /// Says what it said in the last run.
    pub(crate) fn keep(&mut self, kept: ModuleFacts<'k>) {
        self.kept = Some(kept);
    }

    /// Says what it says now.
    pub(crate) fn say(&mut self, said: Said) {
        self.said = Some(Box::new(said));
    }

    /// Whether it says what it said in the last run, by the numbers of then.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// The symbols it offers, in its order.
    pub(crate) fn exports(&self) -> impl Iterator<Item = SymbolId> + use<'_, 'k> {
        let kept = self.kept.iter().flat_map(|kept| kept.exports().map(SymbolId));
        self.said.iter().flat_map(|said| said.exports.iter().copied()).chain(kept)
    }

    /// The symbols it asks for, in its order.
    pub(crate) fn wants(&self) -> impl Iterator<Item = Wanted> + use<'_, 'k> {
        let kept = self.kept.iter().flat_map(ModuleFacts::wants);
        let kept = kept.map(|want| Wanted {
            symbol: SymbolId(want.name),
            crc: 0,
            weak: want.weak,
            cut: want.cut,
        });
        self.said.iter().flat_map(|said| said.wants.iter().copied()).chain(kept)
    }

    /// The values of `key`, in order.
    pub(crate) fn texts(&self, key: Key) -> impl Iterator<Item = &[u8]> {
        let of_key = move |(own, text)| (own == key as u8).then_some(text);
        self.numbered_texts().filter_map(of_key)
    }

    /// All values, in order, each with its key's number.
    pub(crate) fn numbered_texts(&self) -> impl Iterator<Item = Text<'_>> {
        let kept = self.kept.iter().flat_map(ModuleFacts::texts);
        self.said.iter().flat_map(|said| said.texts.numbered()).chain(kept)
    }
}

/// Every module of a database, in module order, no two of one name. It borrows from what
/// the last run kept.
#[derive(Debug, Default)]
pub struct Catalog<'k> {
    modules: Vec<Module<'k>>,
    /// The byte that the architecture puts before every symbol.
    pub(crate) prefix: Option<u8>,
}

impl<'k> Catalog<'k> {
    pub(crate) fn new(sorted: Vec<Found>) -> Self {
        Self { modules: sorted.into_iter().map(Module::new).collect(), prefix: None }
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
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = (ModuleId, &Module<'k>)> + ExactSizeIterator {
        self.modules.iter().enumerate().map(|(at, module)| (ModuleId(at as u32), module))
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ModuleId> + ExactSizeIterator + use<> {
        (0..self.modules.len() as u32).map(ModuleId)
    }

    /// The module called so by an id of this very catalog.
    pub fn module(&self, id: ModuleId) -> &Module<'k> {
        &self.modules[id.index()]
    }

    pub(crate) fn module_mut(&mut self, id: ModuleId) -> &mut Module<'k> {
        &mut self.modules[id.index()]
    }
}
