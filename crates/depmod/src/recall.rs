//! What unchanged modules said in the last run, and the same kept for the next one.

use komod_cache::{Facts, FactsWriter, ModuleFacts, Tree, Want};

use crate::catalog::{Catalog, Module, Wanted};
use crate::facts::Texts;
use crate::load::LoadedFile;
use crate::names::{ByName, Seed};
use crate::symbols::{SymbolId, Symbols};

/// What is remembered of modules that are as they were.
#[derive(Debug)]
pub struct Recall<'k> {
    facts: Facts<'k>,
    /// Places in `facts` and keys, by path.
    places: ByName<'k, (usize, LoadedFile)>,
}

impl<'k> Recall<'k> {
    /// `facts` are the bytes of those that belong to `old`, and `holds` tells which
    /// of its modules are as they were.
    /// `None` if they are others.
    pub fn new(old: &'k Tree<'_>, holds: &[bool], facts: &'k [u8]) -> Option<Self> {
        let facts = Facts::parse(facts, old.facts)?;
        let places = old.modules.iter().zip(holds).enumerate();
        let places = places.filter(|(_, (module, holds))| **holds && module.whole);
        let places = places.map(|(at, (module, _))| {
            let (known, whole, told) = (module.known, module.whole, module.told);
            (module.path, (at, LoadedFile { known, whole, told }))
        });
        let mut by_path = ByName::with_capacity_and_hasher(old.modules.len(), Seed::default());
        by_path.extend(places);
        Some(Self { facts, places: by_path })
    }

    /// What every name of the facts is called in `symbols`.
    pub(crate) fn meanings(&self, symbols: &mut Symbols) -> Vec<SymbolId> {
        self.facts.names.iter().map(|name| symbols.intern(name)).collect()
    }

    /// What is remembered of the module at `path`; `None` if it must be read.
    pub(crate) fn of(&self, path: &[u8]) -> Option<(ModuleFacts<'k>, LoadedFile)> {
        let (place, file) = self.places.get(path)?;
        Some((self.facts.module(*place)?, *file))
    }
}

/// Gives a module of this run the facts that are kept of it. `meaning` tells what a name
/// is called here, `prefix` is the architecture's byte before symbols. `None`, and nothing
/// is given, if they cannot be those of a module.
pub(crate) fn give(
    module: &mut Module,
    kept: &ModuleFacts<'_>,
    prefix: Option<u8>,
    meaning: &impl Fn(SymbolId) -> SymbolId,
) -> Option<()> {
    module.texts = Texts::of_numbered(kept.texts())?;
    let wants = kept.wants().map(|want| {
        let [dot, before] = want.cut;
        let cut = [dot.then_some(b'.'), prefix.filter(|_| before)];
        Wanted { symbol: meaning(SymbolId(want.name)), crc: 0, weak: want.weak, cut }
    });
    module.wants = wants.collect();
    module.exports = kept.exports().map(|name| meaning(SymbolId(name))).collect();
    Some(())
}

/// What the modules of `catalog` said, to be kept, and its checksum. It was read without
/// checks of symbols. `None` if it is too much.
pub fn remember(catalog: &Catalog, symbols: &Symbols) -> Option<(Vec<u8>, u64)> {
    let mut writer = FactsWriter::new(symbols.len());
    for (_, module) in catalog.iter() {
        let exports = module.exports.iter().map(|symbol| symbol.0);
        let wants = module.wants.iter().map(|wanted| Want {
            name: wanted.symbol.0,
            weak: wanted.weak,
            cut: wanted.cut.map(|cut| cut.is_some()),
        });
        let name = |number| symbols.name(SymbolId(number));
        writer.module(exports, wants, module.texts.numbered(), name);
    }
    writer.finish()
}
