use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::Version;

/// Symbol versions by name, and which of them were used: one pass over symbols and
/// one over versions, however many of both a module has.
pub(crate) struct Joined<'v, 'a> {
    versions: &'v [Version<'a>],
    // Fixed keys: a run's work is the same each time. Crafting names that collide in
    // this hash is hard, and would cost time alone.
    by_name: HashMap<&'a [u8], usize, BuildHasherDefault<DefaultHasher>>,
    used: Vec<bool>,
}

impl<'v, 'a> Joined<'v, 'a> {
    /// Of two versions of one name the first counts.
    pub(crate) fn new(versions: &'v [Version<'a>]) -> Self {
        let mut by_name = HashMap::with_capacity_and_hasher(versions.len(), Default::default());
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
