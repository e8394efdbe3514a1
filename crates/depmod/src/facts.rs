//! What the bytes of one module say, as far as the database needs it.
//!
//! Pure: the bytes of different modules may be read in any order, on any
//! thread; only merging the facts ([`load`](crate::load)) has an order.

use komod_elf::{Binding, Error, Module};

use crate::ids::SymbolId;
use crate::names::{Names, Span};

/// A symbol that a module asks others for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The symbol, spelled as exporters spell it.
    pub symbol: SymbolId,
    /// The version it was built against; 0 when it says none.
    pub crc: u64,
    /// Whether the module can do without.
    pub weak: bool,
    /// Whether `symbol` lacks a dot, or the architecture's own byte, that the module
    /// writes before it.
    pub cut: [bool; 2],
}

/// Everything the database takes from one module.
#[derive(Debug, Default)]
pub(crate) struct ModuleFacts {
    /// Symbols it offers, in order, with their versions.
    pub exports: Vec<(SymbolId, u64)>,
    /// Symbols it asks for, in order.
    pub wants: Vec<Wanted>,
    pub texts: Texts,
    /// Why its exports cannot be read.
    pub damage: Option<Error>,
}

/// Reads modules one after another, and numbers the names of their symbols.
#[derive(Debug, Default)]
pub(crate) struct Extractor {
    /// The names that the symbols of the facts stand for.
    pub names: Names,
    /// A byte that the architecture puts before every symbol: one is taken away.
    prefix: Option<u8>,
    /// Whether symbols are going to be checked; else their versions are all 0, and of a
    /// module's two spellings of a symbol one may be missing.
    checks: bool,
    /// For every name the last module that asked for it, by its number.
    asked: Vec<u32>,
    /// Modules read.
    count: u32,
    versions: SeenVersions,
    /// Where a module's wants and texts are gathered before there are so many: memory
    /// that grows for each module anew is given back and taken again without end.
    wants: Vec<Wanted>,
    texts: Texts,
}

/// Which symbol a version was of when it was last seen: most modules have the same ones.
#[derive(Debug)]
struct SeenVersions {
    /// By the lowest bits of the checksum; a later version takes the place.
    places: Vec<Option<(u64, SymbolId)>>,
}

impl Default for SeenVersions {
    fn default() -> Self {
        Self { places: vec![None; 1 << 14] }
    }
}

impl SeenVersions {
    /// The symbol whose name stands in `field` up to a NUL, if it was kept with `crc`.
    fn find(&self, crc: u64, field: &[u8], names: &Names) -> Option<SymbolId> {
        let (_, symbol) = self.places.get(self.place(crc))?.filter(|kept| kept.0 == crc)?;
        let rest = field.strip_prefix(names.name(symbol.0))?;
        matches!(rest, [] | [0, ..]).then_some(symbol)
    }

    fn keep(&mut self, crc: u64, symbol: SymbolId) {
        let place = self.place(crc);
        if let Some(kept) = self.places.get_mut(place) {
            *kept = Some((crc, symbol));
        }
    }

    fn place(&self, crc: u64) -> usize {
        crc as usize & (self.places.len() - 1)
    }
}

/// The strings of `.modinfo` that the database holds, in their order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Texts {
    arena: Vec<u8>,
    entries: Vec<(Key, Span)>,
}

/// A key of `.modinfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Alias,
    Softdep,
    Weakdep,
}

impl Key {
    /// All of them; a key's place is its number in a cache.
    const ALL: [Self; 3] = [Self::Alias, Self::Softdep, Self::Weakdep];
}

impl Texts {
    /// These texts, as [`Self::numbered`] tells them; `None` if there is another number.
    pub(crate) fn of_numbered<'a>(texts: impl Iterator<Item = (u8, &'a [u8])>) -> Option<Self> {
        let mut found = Self::default();
        for (number, value) in texts {
            let span = Span::push(&mut found.arena, value);
            found.entries.push((*Key::ALL.get(usize::from(number))?, span));
        }
        Some(found)
    }

    /// All values, in order, each with its key's number.
    pub(crate) fn numbered(&self) -> impl ExactSizeIterator<Item = (u8, &[u8])> {
        self.entries.iter().map(|(key, span)| (*key as u8, span.of(&self.arena)))
    }

    /// Takes those of `module` in place of all before.
    fn read(&mut self, module: &Module<'_>) {
        self.arena.clear();
        self.entries.clear();
        let Some(strings) = module.modinfo_strings() else { return };
        for string in strings {
            let (key, value) = if let Some(value) = string.strip_prefix(b"alias") {
                (Key::Alias, value)
            } else if let Some(value) = string.strip_prefix(b"softdep") {
                (Key::Softdep, value)
            } else if let Some(value) = string.strip_prefix(b"weakdep") {
                (Key::Weakdep, value)
            } else {
                continue;
            };
            // A string without `=` is a key with nothing behind it.
            let value = match value {
                [] => value,
                [b'=', value @ ..] => value,
                _ => continue,
            };
            let span = Span::push(&mut self.arena, value);
            self.entries.push((key, span));
        }
    }
}

impl Extractor {
    pub(crate) fn new(prefix: Option<u8>, checks: bool) -> Self {
        Self { prefix, checks, ..Self::default() }
    }

    /// Whether it looks at more of a module than [`komod_elf::Excerpt`] has.
    pub(crate) fn wants_all(&self) -> bool {
        self.checks
    }

    /// What one module says.
    ///
    /// Its exports, needs and `.modinfo` are read each for itself: a damaged part
    /// counts as absent, and only damaged exports are told, in
    /// [`ModuleFacts::damage`].
    pub(crate) fn read(&mut self, module: &Module<'_>) -> ModuleFacts {
        let mut facts = ModuleFacts::default();
        match self.exports(module) {
            Ok(exports) => facts.exports = exports,
            Err(error) => facts.damage = Some(error),
        }
        facts.wants = self.wants(module).unwrap_or_default();
        self.texts.read(module);
        facts.texts = self.texts.clone();
        facts
    }

    fn exports(&mut self, module: &Module<'_>) -> Result<Vec<(SymbolId, u64)>, Error> {
        if self.checks {
            let exports = module.exports()?.unwrap_or_default();
            let entered = exports.iter().map(|export| (self.offered(export.name), export.crc));
            return Ok(entered.collect());
        }
        let exports = module.export_names()?.unwrap_or_default();
        Ok(exports.iter().map(|name| (self.offered(name), 0)).collect())
    }

    fn offered(&mut self, name: &[u8]) -> SymbolId {
        SymbolId(self.names.intern(without(name, self.prefix).0))
    }

    fn wants(&mut self, module: &Module<'_>) -> Result<Vec<Wanted>, Error> {
        if self.checks {
            let needs = module.needs()?;
            let wanted = needs.iter().map(|need| {
                let weak = need.binding == Binding::Weak;
                Wanted { crc: need.crc.unwrap_or(0), ..self.wanted(need.name, weak) }
            });
            return Ok(wanted.collect());
        }
        self.count += 1;
        let mut wants = std::mem::take(&mut self.wants);
        wants.clear();
        module.for_each_undefined(|name, binding| {
            let wanted = self.wanted(name, binding == Binding::Weak);
            self.first_time(wanted.symbol);
            wants.push(wanted);
        })?;
        // Symbols that only the versions name are wanted, too. They are compared as
        // exporters spell them: of two spellings in one module one is enough.
        if let Some(fields) = module.version_fields() {
            for (crc, field) in fields {
                let known = self.versions.find(crc, field, &self.names);
                let wanted = match known {
                    Some(symbol) => Wanted { symbol, crc: 0, weak: false, cut: [false; 2] },
                    None => {
                        let name = field.split(|&b| b == 0).next().unwrap_or_default();
                        let wanted = self.wanted(name, false);
                        if wanted.cut == [false; 2] {
                            self.versions.keep(crc, wanted.symbol);
                        }
                        wanted
                    }
                };
                if self.first_time(wanted.symbol) {
                    wants.push(wanted);
                }
            }
        } else {
            for version in module.versions().ok().flatten().unwrap_or_default() {
                let wanted = self.wanted(version.name, false);
                if self.first_time(wanted.symbol) {
                    wants.push(wanted);
                }
            }
        }
        // As many as there are.
        let found = wants.clone();
        self.wants = wants;
        Ok(found)
    }

    fn wanted(&mut self, name: &[u8], weak: bool) -> Wanted {
        let (name, dot) = without(name, Some(b'.'));
        let (name, prefix) = without(name, self.prefix);
        let cut = [dot.is_some(), prefix.is_some()];
        Wanted { symbol: SymbolId(self.names.intern(name)), crc: 0, weak, cut }
    }

    /// Whether this module asks for `symbol` for the first time.
    fn first_time(&mut self, symbol: SymbolId) -> bool {
        let at = symbol.0 as usize;
        if self.asked.len() <= at {
            self.asked.resize(self.names.len(), 0);
        }
        std::mem::replace(&mut self.asked[at], self.count) != self.count
    }
}

/// `name` without one leading `byte`, and that byte.
fn without(name: &[u8], byte: Option<u8>) -> (&[u8], Option<u8>) {
    match (name, byte) {
        ([first, rest @ ..], Some(byte)) if *first == byte => (rest, Some(byte)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::ModuleSpec;

    /// Symbols asked for and offered, by name, in order.
    fn said(spec: &ModuleSpec, extractor: &mut Extractor) -> (Vec<String>, Vec<String>) {
        let file = spec.build();
        let facts = extractor.read(&Module::parse(&file).unwrap());
        let name =
            |symbol: SymbolId| String::from_utf8(extractor.names.name(symbol.0).to_vec()).unwrap();
        let wants = facts.wants.iter().map(|wanted| name(wanted.symbol));
        (wants.collect(), facts.exports.iter().map(|export| name(export.0)).collect())
    }

    #[test]
    fn checks_or_not_the_same_symbols_are_told_of_every_module() {
        let (mut all, mut few) =
            (Extractor::new(Some(b'_'), true), Extractor::new(Some(b'_'), false));
        let first = ModuleSpec::new("m")
            .needs("b")
            .needs(".dot")
            .needs("_a")
            .version("module_layout", 1)
            .version("b", 2)
            .version(".dot", 3)
            .version("only", 4)
            .version("only", 4)
            .export("e", 1)
            .export("_f", 2);
        let second = ModuleSpec::new("n").needs("only").version("module_layout", 1).needs("b");
        let expected = ["b", "dot", "a", "module_layout", "only"].map(str::to_owned).to_vec();
        assert_eq!(said(&first, &mut few), (expected, ["e", "f"].map(str::to_owned).to_vec()));
        for spec in [&first, &second, &first] {
            assert_eq!(said(spec, &mut all), said(spec, &mut few));
        }
    }

    #[test]
    fn every_truncation_of_a_module_is_survived() {
        let spec =
            ModuleSpec::new("a").export("s", 1).needs("n").version("n", 1).modinfo("alias", "x");
        let whole = spec.build();
        for checks in [false, true] {
            let mut extractor = Extractor::new(None, checks);
            for end in 0..whole.len() {
                if let Ok(module) = Module::parse(&whole[..end]) {
                    let _ = extractor.read(&module);
                }
            }
            let facts = extractor.read(&Module::parse(&whole).unwrap());
            assert!(facts.damage.is_none());
            assert_eq!(of(&facts.texts, Key::Alias), [b"x"]);
        }
    }

    fn of(texts: &Texts, key: Key) -> Vec<&[u8]> {
        let of_key = texts.numbered().filter(|(number, _)| *number == key as u8);
        of_key.map(|(_, text)| text).collect()
    }

    #[test]
    fn keys_are_whole_words() {
        let spec = ModuleSpec::new("a").modinfo("alias", "x").modinfo("aliases", "y");
        let spec = spec.modinfo_raw("alias").modinfo_raw("softdep=").modinfo("alias", "=z");
        let file = spec.modinfo("weakdep", "w").modinfo("xalias", "q").build();
        let mut texts = Texts::default();
        // What was read before is gone.
        for _ in 0..2 {
            texts.read(&Module::parse(&file).unwrap());
        }
        assert_eq!(of(&texts, Key::Alias), [&b"x"[..], b"", b"=z"]);
        assert_eq!(of(&texts, Key::Softdep), [b""]);
        assert_eq!(of(&texts, Key::Weakdep), [b"w"]);
    }
}
