//! Names by dense numbers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A piece of text in an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// Appends `text` to `arena`.
    pub(crate) fn push(arena: &mut Vec<u8>, text: &[u8]) -> Self {
        let start = arena.len();
        arena.extend_from_slice(text);
        Self { start, end: arena.len() }
    }

    pub(crate) fn of(self, arena: &[u8]) -> &[u8] {
        arena.get(self.start..self.end).unwrap_or_default()
    }
}

/// Names, each kept once, one behind the other; the table beside them holds numbers
/// only, so that a name costs no allocation of its own.
#[derive(Debug)]
pub(crate) struct Names {
    text: Vec<u8>,
    spans: Vec<Span>,
    /// Open addressing: [`EMPTY`], or a name's number below the upper half of its hash.
    /// The length is a power of two and at least twice the number of names.
    table: Vec<u64>,
    seed: u64,
}

/// A free place of the table. Zero would cost a second fault for each page: fresh memory
/// that is read first is a page of zeros that all share, and the first write moves it,
/// which every other thread is interrupted for.
const EMPTY: u64 = u64::MAX;

/// Places of the smallest table.
const FEWEST: usize = 1024;
/// Bytes of a symbol's name, rather more than few.
const TYPICAL: usize = 24;

impl Default for Names {
    fn default() -> Self {
        // Nobody can know beforehand which names fall together.
        let seed = RandomState::new().hash_one(0_u8);
        Self { text: Vec::new(), spans: Vec::new(), table: Vec::new(), seed }
    }
}

impl Names {
    /// These names, no two of which are the same, by their places.
    pub(crate) fn of<'n>(all: impl ExactSizeIterator<Item = &'n [u8]>) -> Self {
        let mut names = Self::default();
        names.spans.reserve_exact(all.len());
        names.text.reserve(all.len() * TYPICAL);
        for name in all {
            names.spans.push(Span::push(&mut names.text, name));
        }
        names.spread((names.len() * 2 + 1).next_power_of_two().max(FEWEST));
        names
    }

    /// The number of `name`, new or old. Numbers count from 0.
    pub(crate) fn intern(&mut self, name: &[u8]) -> u32 {
        if self.table.len() <= self.spans.len() * 2 {
            self.grow();
        }
        let hash = hash(name, self.seed);
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.table[slot] {
                EMPTY => {
                    let id = self.spans.len() as u32;
                    self.spans.push(Span::push(&mut self.text, name));
                    self.table[slot] = entry(hash, id);
                    return id;
                }
                taken => {
                    let id = taken as u32;
                    if taken >> 32 == hash >> 32 && self.name(id) == name {
                        return id;
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.spread((self.table.len() * 2).max(FEWEST));
    }

    /// Makes the table anew with so many places.
    fn spread(&mut self, size: usize) {
        let mut table = vec![EMPTY; size];
        for id in 0..self.spans.len() as u32 {
            let hash = hash(self.name(id), self.seed);
            let mut slot = hash as usize & (size - 1);
            while table[slot] != EMPTY {
                slot = (slot + 1) & (size - 1);
            }
            table[slot] = entry(hash, id);
        }
        self.table = table;
    }

    /// The name of a number that [`Self::intern`] gave.
    pub(crate) fn name(&self, id: u32) -> &[u8] {
        self.spans[id as usize].of(&self.text)
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }
}

/// A map by names that are kept elsewhere.
pub(crate) type ByName<'n, T> = HashMap<&'n [u8], T, Seed>;

/// What hashes the names of one map.
#[derive(Debug, Clone)]
pub(crate) struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }
}

impl BuildHasher for Seed {
    type Hasher = NameHasher;

    fn build_hasher(&self) -> NameHasher {
        NameHasher(self.0)
    }
}

/// The hash of one name.
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes, self.0);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn entry(hash: u64, id: u32) -> u64 {
    hash >> 32 << 32 | u64::from(id)
}

/// Eight bytes a step; several times the speed of the standard library's.
fn hash(name: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ name.len() as u64;
    let mut rest = name;
    while let Some((word, tail)) = rest.split_first_chunk() {
        state = mix(state ^ u64::from_le_bytes(*word));
        rest = tail;
    }
    let last = match (name.last_chunk(), rest) {
        (_, []) => return state,
        // The last eight bytes, some of them for the second time.
        (Some(word), _) => u64::from_le_bytes(*word),
        (None, short) => short.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    mix(state ^ last)
}

/// The two halves of a product, one over the other. The constant is odd and without
/// pattern: the fraction of pi.
fn mix(word: u64) -> u64 {
    let product = u128::from(word) * 0x2430_5a88_85a3_08d3;
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_while_the_table_grows() {
        let mut names = Names::default();
        let all: Vec<String> = (0..5000).map(|n| format!("symbol_{n}")).collect();
        let ids: Vec<_> = all.iter().map(|n| names.intern(n.as_bytes())).collect();
        assert_eq!(names.len(), all.len());
        for (name, id) in all.iter().zip(&ids) {
            assert_eq!(names.intern(name.as_bytes()), *id);
            assert_eq!(names.name(*id), name.as_bytes());
        }
    }

    #[test]
    fn names_that_are_given_at_once_have_their_places() {
        let all: Vec<String> = (0..3000).map(|n| format!("symbol_{n}")).collect();
        let mut names = Names::of(all.iter().map(|name| name.as_bytes()));
        assert_eq!(names.intern(b"new"), 3000);
        for (place, name) in (0..).zip(&all) {
            assert_eq!(names.intern(name.as_bytes()), place);
        }
        assert_eq!(Names::of([].into_iter()).intern(b"new"), 0);
    }

    #[test]
    fn names_of_every_length_are_told_apart() {
        let mut names = Names::default();
        for length in 0..40 {
            for at in 0..length {
                let mut name = vec![b'x'; length];
                name[at] = b'y';
                let before = names.len();
                names.intern(&name);
                assert_eq!(names.len(), before + 1, "{length} {at}");
            }
        }
        assert_eq!(names.intern(b""), names.intern(b""));
    }

    #[test]
    fn hashes_of_names_like_symbols_are_spread() {
        let hashes: std::collections::HashSet<u64> =
            (0..20_000).map(|n| hash(format!("symbol_number_{n}").as_bytes(), 7)).collect();
        assert_eq!(hashes.len(), 20_000);
        let low: std::collections::HashSet<u64> = hashes.iter().map(|h| h & 0xffff).collect();
        assert!(low.len() > 16_000, "{}", low.len());
    }
}
