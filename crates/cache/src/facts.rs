//! What modules say, as far as depmod needs it.
//!
//! Nothing of it is copied when the file is read: numbers and texts are told from the
//! file's own bytes.

use crate::bytes::{Reader, Writer, checksum};

/// What modules of a tree said: each has a place, which
/// [`FactsPlace`](crate::FactsPlace) keeps.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The names, and how many there are.
    names: (Reader<'a>, usize),
    /// All from the first module on, and where each begins in it.
    bytes: &'a [u8],
    modules: Vec<u32>,
}

/// What one module said.
#[derive(Debug, Clone, Copy)]
pub struct ModuleFacts<'a> {
    exports: &'a [u8],
    wants: &'a [u8],
    texts: Reader<'a>,
    count: usize,
}

/// A symbol that a module asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The number of its name, less than 2^29.
    pub name: u32,
    /// Whether the module can do without.
    pub weak: bool,
    /// Whether the module writes a dot, or the architecture's own byte, before it.
    pub cut: [bool; 2],
}

/// A text of a module, and a number of the caller's for its kind.
pub type Text<'a> = (u8, &'a [u8]);

const MAGIC: [u8; 8] = *b"komodF\0\x02";

const NAME: u32 = (1 << 29) - 1;
const WEAK: u32 = 1 << 31;
const CUT: [u32; 2] = [1 << 30, 1 << 29];

impl<'a> Facts<'a> {
    /// The facts in a file's bytes; `None` unless every byte is as it was written, and
    /// their checksum is `sum`.
    pub fn parse(bytes: &'a [u8], sum: u64) -> Option<Self> {
        if !bytes.ends_with(&sum.to_le_bytes()) {
            return None;
        }
        let mut bytes = Reader::of_file(bytes, MAGIC)?;
        let (named, count) = (bytes.count(4)?, bytes.count(12)?);
        let mut modules = Vec::new();
        modules.try_reserve_exact(count).ok()?;
        let all = bytes.rest();
        for _ in 0..count {
            modules.push(u32::try_from(all.len().checked_sub(bytes.rest().len())?).ok()?);
            let facts = ModuleFacts::read(&mut bytes)?;
            facts.is_sound(named, &mut bytes)?;
        }
        let names = (bytes, named);
        for _ in 0..named {
            bytes.text()?;
        }
        bytes.end()?;
        Some(Self { names, bytes: all, modules })
    }

    /// Each name that a number stands for, once; the number is its place.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (mut rest, count) = self.names;
        (0..count).map(move |_| rest.text().unwrap_or_default())
    }

    /// How many modules there are.
    pub fn len(&self) -> usize {
        self.modules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }

    /// What the module at a place said.
    pub fn module(&self, place: usize) -> Option<ModuleFacts<'a>> {
        let start = *self.modules.get(place)? as usize;
        ModuleFacts::read(&mut Reader::of(self.bytes.get(start..)?))
    }
}

impl<'a> ModuleFacts<'a> {
    /// What begins here, up to its texts.
    fn read(bytes: &mut Reader<'a>) -> Option<Self> {
        let mut numbers = || {
            let count = bytes.count(4)?;
            bytes.take(count.checked_mul(4)?)
        };
        let (exports, wants) = (numbers()?, numbers()?);
        let count = bytes.count(5)?;
        Some(Self { exports, wants, texts: *bytes, count })
    }

    /// Goes past its texts; `None` if they are cut off, or it has names that are not
    /// among so many.
    fn is_sound(&self, names: usize, bytes: &mut Reader<'a>) -> Option<()> {
        for _ in 0..self.count {
            bytes.u8()?;
            bytes.text()?;
        }
        let largest = self.exports().chain(self.wants().map(|want| want.name)).fold(0, u32::max);
        let none = self.exports.is_empty() && self.wants.is_empty();
        (none || (largest as usize) < names).then_some(())
    }

    /// The numbers of the symbols it offers, in its order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        numbers(self.exports)
    }

    /// The symbols it asks for, in its order.
    pub fn wants(&self) -> impl ExactSizeIterator<Item = Want> + use<'a> {
        numbers(self.wants).map(|number| Want {
            name: number & NAME,
            weak: number & WEAK != 0,
            cut: CUT.map(|bit| number & bit != 0),
        })
    }

    /// Its texts, in its order.
    pub fn texts(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let mut rest = self.texts;
        (0..self.count).map_while(move |_| Some((rest.u8()?, rest.text()?)))
    }
}

fn numbers(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> {
    bytes.chunks_exact(4).map(|four| four.first_chunk().map_or(0, |four| u32::from_le_bytes(*four)))
}

/// Puts [`Facts`] together, module by module.
#[derive(Debug)]
pub struct FactsWriter {
    /// By the caller's number of a name, the one in the file and one more; 0 for none yet.
    numbers: Vec<u32>,
    names: Writer,
    named: u32,
    /// The file up to the names, which come last: they are the smaller part, and copied.
    modules: Writer,
    count: u32,
}

impl FactsWriter {
    /// One for a caller who has so many names.
    pub fn new(names: usize) -> Self {
        let numbers = vec![0; names];
        let mut modules = Writer::new(MAGIC);
        // The two counts, once they are known.
        modules.u64(0);
        Self { numbers, names: Writer::default(), named: 0, modules, count: 0 }
    }

    /// Adds a module. Names are the caller's numbers; `name` tells what they stand for.
    pub fn module<'n, 't>(
        &mut self,
        exports: impl Iterator<Item = u32>,
        wants: impl Iterator<Item = Want>,
        texts: impl Iterator<Item = Text<'t>>,
        name: impl Fn(u32) -> &'n [u8],
    ) {
        self.count = self.count.saturating_add(1);
        self.list(exports, |own, export| {
            let number = own.number(export, &name);
            own.modules.u32(number);
        });
        self.list(wants, |own, want| {
            let weak = if want.weak { WEAK } else { 0 };
            let cut = CUT.into_iter().zip(want.cut).map(|(bit, cut)| if cut { bit } else { 0 });
            let number = own.number(want.name, &name);
            own.modules.u32(number & NAME | weak | cut.sum::<u32>());
        });
        self.list(texts, |own, (kind, text)| {
            own.modules.u8(kind);
            own.modules.text(text);
        });
    }

    /// Adds how many there are, and each as `add` does.
    fn list<T>(&mut self, all: impl Iterator<Item = T>, mut add: impl FnMut(&mut Self, T)) {
        let at = self.modules.bytes.len();
        self.modules.count(0);
        let mut count = 0_u32;
        for one in all {
            add(self, one);
            count = count.saturating_add(1);
        }
        let place = self.modules.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        if let Some(place) = place {
            *place = count.to_le_bytes();
        }
    }

    fn number<'n>(&mut self, own: u32, name: impl Fn(u32) -> &'n [u8]) -> u32 {
        let Some(number) = self.numbers.get_mut(own as usize) else { return NAME };
        if *number == 0 {
            self.named = self.named.saturating_add(1);
            *number = self.named;
            self.names.text(name(own));
        }
        number.saturating_sub(1)
    }

    /// The file's bytes and their checksum; `None` if there were too many.
    pub fn finish(self) -> Option<(Vec<u8>, u64)> {
        if self.named >= NAME {
            return None;
        }
        let mut out = self.modules;
        let counts = [self.named, self.count].map(u32::to_le_bytes);
        let (_, rest) = out.bytes.split_first_chunk_mut::<{ MAGIC.len() }>()?;
        rest.get_mut(..8)?.copy_from_slice(counts.as_flattened());
        out.bytes.extend_from_slice(&self.names.bytes);
        let sum = checksum(&out.bytes);
        out.u64(sum);
        (out.bytes.len() <= crate::bytes::LARGEST).then_some((out.bytes, sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&[u8]; 5] = [b"unused", b"b", b"", b"d", b"e"];
    const TEXTS: [Text<'static>; 2] = [(0, b"alias"), (7, b"")];

    fn file() -> (Vec<u8>, u64) {
        let mut writer = FactsWriter::new(NAMES.len());
        let name = |number: u32| NAMES[number as usize];
        let want = |name, weak, cut| Want { name, weak, cut };
        let wants = [want(3, false, [false; 2]), want(4, true, [true, false])];
        writer.module([3, 1].into_iter(), wants.into_iter(), TEXTS.into_iter(), name);
        let wants = [want(1, false, [false, true]), want(2, true, [true; 2])];
        writer.module([].into_iter(), wants.into_iter(), [].into_iter(), name);
        writer.finish().unwrap()
    }

    #[test]
    fn facts_come_back_with_the_names_that_are_used() {
        let (bytes, sum) = file();
        let facts = Facts::parse(&bytes, sum).unwrap();
        assert_eq!(facts.names().collect::<Vec<_>>(), [&b"d"[..], b"b", b"e", b""]);
        let first = facts.module(0).unwrap();
        assert_eq!(first.exports().collect::<Vec<_>>(), [0, 1]);
        let last = Want { name: 2, weak: true, cut: [true, false] };
        assert_eq!(first.wants().last(), Some(last));
        assert_eq!(first.texts().collect::<Vec<_>>(), TEXTS);
        let second = facts.module(1).unwrap();
        let names: Vec<u32> = second.wants().map(|want| want.name).collect();
        assert_eq!((names, second.exports().len(), second.texts().count()), (vec![1, 3], 0, 0));
        assert!(facts.module(2).is_none());
    }

    #[test]
    fn facts_come_back_whole_or_not_at_all() {
        let (mut bytes, sum) = file();
        assert!(Facts::parse(&bytes, sum + 1).is_none());
        for end in 0..bytes.len() {
            assert!(Facts::parse(&bytes[..end], sum).is_none());
        }
        for at in 0..bytes.len() * 8 {
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(Facts::parse(&bytes, sum).is_none());
            bytes[at / 8] ^= 1 << (at % 8);
        }
    }

    #[test]
    fn a_forged_sum_gives_no_panic_and_no_unknown_name() {
        let (bytes, _) = file();
        let body = &bytes[..bytes.len() - 8];
        for at in 8..body.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut forged = body.to_vec();
                forged[at] = value;
                let sum = checksum(&forged);
                forged.extend(sum.to_le_bytes());
                let Some(facts) = Facts::parse(&forged, sum) else { continue };
                for module in [0, 1].into_iter().filter_map(|place| facts.module(place)) {
                    assert!(module.exports().all(|name| (name as usize) < facts.names().len()));
                    let _ = module.texts().count();
                }
            }
        }
    }
}
