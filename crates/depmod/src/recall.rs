//! What unchanged modules said in the last run, and the same kept for the next one.
//!
//! It lies in two files. Nearly all is in a large one, which stays as it is as long as
//! most of its modules do: a run has nothing to number, to copy or to write of them. What
//! has come since then is in a small one, which each run writes anew.

use komod_cache::{Facts, FactsPlace, FactsWriter, ModuleFacts, Tree, Want};

use crate::catalog::{Catalog, Module, Said};
use crate::facts::{Key, Texts, Wanted};
use crate::ids::SymbolId;
use crate::loaded::{Loaded, LoadedFile};
use crate::look::Look;
use crate::outputs::{OF_ALIASES, OF_SYMBOLS};
use crate::symbols::Symbols;

/// What is remembered of modules that are as they were.
#[derive(Debug)]
pub struct Recall<'k> {
    old: &'k Tree<'k>,
    holds: &'k [bool],
    large: Facts<'k>,
    later: Option<Facts<'k>>,
}

impl<'k> Recall<'k> {
    /// `large` and `later` are the bytes of the facts that belong to `old`, and `look`
    /// tells which of its modules are as they were. `None` if they are others.
    pub fn new(
        old: &'k Tree<'k>,
        look: &'k Look,
        large: &'k [u8],
        later: Option<&'k [u8]>,
    ) -> Option<Self> {
        let [sum, later_sum] = old.facts;
        let later = match (later_sum, later) {
            (0, _) => None,
            (sum, bytes) => Some(Facts::parse(bytes?, sum)?),
        };
        Some(Self { old, holds: &look.modules, large: Facts::parse(large, sum)?, later })
    }

    /// All symbols of the large file, by the numbers that they have there.
    pub(crate) fn symbols(&self) -> Symbols {
        Symbols::of(self.large.names())
    }

    /// What every name of the small file is called in `symbols`.
    pub(crate) fn meanings(&self, symbols: &mut Symbols) -> Vec<SymbolId> {
        let names = self.later.iter().flat_map(Facts::names);
        names.map(|name| symbols.intern(name)).collect()
    }

    /// What is remembered of the module that had a place in the last run, and where;
    /// `None` if it must be read.
    pub(crate) fn of(&self, place: u32) -> Option<(ModuleFacts<'k>, LoadedFile)> {
        let at = usize::try_from(place).ok()?;
        let module = self.old.modules.get(at).filter(|_| self.holds.get(at) == Some(&true))?;
        let facts = self.facts(module.facts?)?;
        let old = LoadedFile {
            known: module.known,
            whole: true,
            facts: module.facts,
            told: module.told,
            place: Some(place),
        };
        Some((facts, old))
    }

    /// Which files of the database need not be made, as all that they are made from is as
    /// it was: the modules that say something of it, and the places of these.
    pub fn spared(&self, catalog: &Catalog<'_>, loaded: &Loaded) -> Vec<&'static str> {
        let same = |now: &dyn Fn(&Module<'_>) -> bool,
                    before: &dyn Fn(&ModuleFacts<'_>) -> bool| {
            let mut seen = vec![false; self.old.modules.len()];
            for ((id, module), file) in catalog.iter().zip(&loaded.files) {
                if file.place != Some(id.0) && now(module) {
                    return false;
                }
                let seen = file.place.and_then(|place| seen.get_mut(place as usize));
                seen.into_iter().for_each(|seen| *seen = true);
            }
            let gone = self.old.modules.iter().zip(seen).filter(|(_, seen)| !seen);
            let gone = gone.filter_map(|(module, _)| self.facts(module.facts?));
            !gone.into_iter().any(|facts| before(&facts))
        };
        let mut spared = Vec::new();
        // Who had something to tell has to tell it again.
        if self.old.quiet {
            let exports = same(&|module| module.exports().next().is_some(), &|facts| {
                facts.exports().len() > 0
            });
            let is_alias = |(key, _): (u8, &[u8])| key == Key::Alias as u8;
            let aliases = same(&|module| module.texts(Key::Alias).next().is_some(), &|facts| {
                facts.texts().any(is_alias)
            });
            spared.extend(OF_SYMBOLS.iter().filter(|_| exports));
            spared.extend(OF_ALIASES.iter().filter(|_| aliases));
        }
        spared
    }

    fn facts(&self, at: FactsPlace) -> Option<ModuleFacts<'k>> {
        let file = if at.later { self.later.as_ref()? } else { &self.large };
        file.module(usize::try_from(at.place).ok()?)
    }
}

/// Gives a module of this run the facts that are kept of it in the small file. `meaning`
/// tells what a name is called here. `None`, and nothing is given, if they cannot be those
/// of a module.
pub(crate) fn give(
    module: &mut Module<'_>,
    kept: &ModuleFacts<'_>,
    meaning: &impl Fn(u32) -> SymbolId,
) -> Option<()> {
    let wants = kept.wants().map(|want| Wanted {
        symbol: meaning(want.name),
        crc: 0,
        weak: want.weak,
        cut: want.cut,
    });
    let exports = kept.exports().map(meaning);
    let texts = Texts::of_numbered(kept.texts())?;
    module.say(Said { texts, wants: wants.collect(), exports: exports.collect() });
    Some(())
}

/// What is to be kept of a run's modules.
#[derive(Debug)]
pub struct Remembered {
    /// The large file; `None` if it stays.
    pub large: Option<Vec<u8>>,
    /// The small one; `None` if there is none.
    pub later: Option<Vec<u8>>,
    /// Their checksums, as [`Tree::facts`] keeps them.
    pub sums: [u64; 2],
    /// Where the facts of each module are, in module order.
    pub places: Vec<Option<FactsPlace>>,
}

/// A large file stays if no more than one of so many modules of it is gone, and no more
/// have come.
const FEW: usize = 8;

/// What the modules of `catalog` said, to be kept. It was read without checks of symbols,
/// as `loaded` says, with what `recall` remembers. `None` if it is too much.
pub fn remember(
    catalog: &Catalog<'_>,
    symbols: &Symbols,
    loaded: &[LoadedFile],
    recall: Option<&Recall<'_>>,
) -> Option<Remembered> {
    let stays = recall.is_some_and(|recall| {
        let (all, kept) = (recall.large.len(), catalog.iter().filter(|(_, m)| m.is_kept()).count());
        all - kept.min(all) <= all / FEW && catalog.len() - kept <= all / FEW
    });
    let mut writer = FactsWriter::new(symbols.len());
    let mut places = Vec::with_capacity(catalog.len());
    let mut count = 0;
    for ((_, module), file) in catalog.iter().zip(loaded) {
        if !file.whole || (stays && module.is_kept()) {
            places.push(file.facts.filter(|_| file.whole));
            continue;
        }
        let exports = module.exports().map(|symbol| symbol.0);
        let wants = module.wants();
        let wants =
            wants.map(|wanted| Want { name: wanted.symbol.0, weak: wanted.weak, cut: wanted.cut });
        let name = |number| symbols.name(SymbolId(number));
        writer.module(exports, wants, module.numbered_texts(), name);
        places.push(Some(FactsPlace { later: stays, place: count }));
        count += 1;
    }
    let old = recall.map_or(0, |recall| recall.old.facts[0]);
    if stays && count == 0 {
        return Some(Remembered { large: None, later: None, sums: [old, 0], places });
    }
    let (bytes, sum) = writer.finish()?;
    Some(if stays {
        Remembered { large: None, later: Some(bytes), sums: [old, sum], places }
    } else {
        Remembered { large: Some(bytes), later: None, sums: [sum, 0], places }
    })
}
