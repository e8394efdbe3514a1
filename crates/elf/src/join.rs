use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::Version;

/// Symbol versions by name, and which of them were used: one pass over symbols and
/// one over versions, however many of both a module has.
pub(crate) struct Joined<'v, 'a> {
    versions: &'v [Version<'a>],
    by_name: HashMap<&'a [u8], usize, Seed>,
    used: Vec<bool>,
}

impl<'v, 'a> Joined<'v, 'a> {
    /// Of two versions of one name the first counts.
    pub(crate) fn new(versions: &'v [Version<'a>]) -> Self {
        let mut by_name = HashMap::with_capacity_and_hasher(versions.len(), Seed::new());
        for (index, version) in versions.iter().enumerate() {
            by_name.entry(version.name).or_insert(index);
        }
        Self { versions, by_name, used: vec![false; versions.len()] }
    }

    /// The checksum of `name`, which is used from now on; `None` if it has no version.
    pub(crate) fn use_crc(&mut self, name: &[u8]) -> Option<u64> {
        let index = *self.by_name.get(name)?;
        *self.used.get_mut(index)? = true;
        self.versions.get(index).map(|version| version.crc)
    }

    /// The versions never used, in their order, each name once.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &'v Version<'a>> {
        let all = self.versions.iter().zip(&self.used).enumerate();
        all.filter(|(index, (version, used))| {
            !**used && self.by_name.get(version.name) == Some(index)
        })
        .map(|(_, (version, _))| version)
    }
}

/// Where hashes begin. Nobody can know beforehand which names fall together.
struct Seed(u64);

impl Seed {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }
}

impl BuildHasher for Seed {
    type Hasher = NameHasher;

    fn build_hasher(&self) -> NameHasher {
        NameHasher(self.0)
    }
}

/// A hash of short names, eight bytes a step. Twice the standard one's speed in this
/// join.
struct NameHasher(u64);

impl NameHasher {
    fn mix(&mut self, word: u64) {
        // An odd constant without pattern: the fraction of pi.
        let product = u128::from(self.0 ^ word).wrapping_mul(0x2430_5a88_85a3_08d3_1319_8a2e);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((word, tail)) = rest.split_first_chunk() {
            self.mix(u64::from_le_bytes(*word));
            rest = tail;
        }
        self.mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_once_and_named_once() {
        let version = |name, crc| Version { name, crc };
        let versions =
            [version(&b"a"[..], 1), version(b"b", 2), version(b"a", 3), version(b"c", 4)];
        let mut joined = Joined::new(&versions);
        assert_eq!(joined.use_crc(b"a"), Some(1));
        assert_eq!(joined.use_crc(b"d"), None);
        let unused: Vec<_> = joined.unused().map(|version| version.crc).collect();
        assert_eq!(unused, [2, 4]);
    }

    #[test]
    fn names_made_to_fall_together_do_not() {
        // The second word is the state behind the first where hashes begin with 0: the
        // product is 0 for all of them.
        let colliding = (1..20_000_u64).map(|number| {
            let mut hasher = NameHasher(16);
            hasher.mix(number);
            [number.to_le_bytes(), hasher.0.to_le_bytes()].concat()
        });
        let names: Vec<Vec<u8>> = colliding.collect();
        let hashes = |seed: &Seed| {
            let hash = |name: &Vec<u8>| seed.hash_one(&name[..]);
            names.iter().map(hash).collect::<std::collections::HashSet<u64>>().len()
        };
        assert_eq!(hashes(&Seed(0)), 1);
        assert!(hashes(&Seed::new()) > 19_990);
    }

    #[test]
    fn hash_tells_names_apart() {
        let hash = |name: &[u8]| {
            let mut hasher = NameHasher(7);
            std::hash::Hash::hash(name, &mut hasher);
            hasher.finish()
        };
        let names = (0..20_000).map(|number| format!("symbol_number_{number}"));
        let hashes: std::collections::HashSet<u64> =
            names.map(|name| hash(name.as_bytes())).collect();
        assert_eq!(hashes.len(), 20_000);
        // The table takes the lowest and the highest bits.
        for part in [|hash: u64| hash & 0xffff, |hash: u64| hash >> 48] {
            let parts: std::collections::HashSet<u64> = hashes.iter().map(|h| part(*h)).collect();
            assert!(parts.len() > 16_000, "{}", parts.len());
        }
        assert_ne!(hash(b"a"), hash(b"a\0"));
    }
}
