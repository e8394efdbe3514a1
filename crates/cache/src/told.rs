//! What packed modules tell about themselves, for who would have to unpack them to know.
//!
//! The file is never read in whole: behind its first bytes and the records lies a table
//! with a place for each key, and each record carries its key and a checksum. So nothing
//! else needs one: whatever is wrong with the table leads to no record, or to one that is
//! not asked for.

mod tell;

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::bytes::{Writer, checksum};
use crate::key::Key;
use crate::place::Place;

pub use tell::tell_apart;

/// The records of a tree's packed modules.
#[derive(Debug)]
pub struct Told {
    file: File,
    head: Head,
}

/// What a module tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tale<'a> {
    /// Its `.modinfo` section.
    pub modinfo: &'a [u8],
    /// The end of its bytes, with all of a signature.
    pub end: &'a [u8],
}

/// The first bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// Places in the table, a power of two; each a tag, a length and an offset.
    places: u64,
    /// Where the table starts, right behind the records.
    table: u64,
    /// How many bytes of the records are asked for by a place.
    used: u64,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    tag: u32,
    length: u32,
    /// 0 for a place that is free.
    offset: u64,
}

const MAGIC: [u8; 8] = *b"komodM\0\x01";
const HEAD: u64 = 40;
const SLOT: usize = 16;
/// So many places are read at once.
const RUN: u64 = 8;
/// No table is larger.
const MOST_PLACES: u64 = 1 << 22;
/// A module that tells more is unpacked each time.
const LONGEST: usize = 1 << 20;

impl Told {
    /// The records in the file `name`; `None` unless it begins as one does.
    pub fn open(place: &Place, name: &str) -> Option<Self> {
        let file = place.file(name)?;
        let mut bytes = [0; HEAD as usize];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let head = Head::parse(&bytes)?;
        Some(Self { file, head })
    }

    /// Reads what the module whose file has this key tells into `memory`, where
    /// [`Told::tale`] finds it. `false` if it is not known; `memory` then holds anything.
    pub fn read(&self, key: &Key, memory: &mut Vec<u8>) -> bool {
        self.find(key, memory).is_some()
    }

    /// What [`Told::read`] has read; nothing at all of other bytes.
    pub fn tale(memory: &[u8]) -> Tale<'_> {
        tale(memory).unwrap_or(Tale { modinfo: &[], end: &[] })
    }

    fn find(&self, key: &Key, memory: &mut Vec<u8>) -> Option<()> {
        let hash = hash(key);
        let mut place = self.head.place(hash);
        for _ in 0..self.head.places.div_ceil(RUN) {
            let mut run = [0; SLOT * RUN as usize];
            let count = RUN.min(self.head.places.checked_sub(place)?);
            let run = run.get_mut(..SLOT.checked_mul(count as usize)?)?;
            self.file.read_exact_at(run, self.head.offset(place)?).ok()?;
            for slot in run.chunks_exact(SLOT).filter_map(Slot::parse) {
                if slot.offset == 0 {
                    return None;
                }
                if slot.tag == tag(hash) && self.is_of(slot, key, memory).is_some() {
                    return tale(memory).map(drop);
                }
            }
            place = self.head.place(place.checked_add(count)?);
        }
        None
    }

    /// Reads a record; `None` if it is another module's, or damaged.
    fn is_of(&self, slot: Slot, key: &Key, memory: &mut Vec<u8>) -> Option<()> {
        let length = slot.length as usize;
        if length > LONGEST {
            return None;
        }
        memory.clear();
        memory.try_reserve(length).ok()?;
        memory.resize(length, 0);
        self.file.read_exact_at(memory, slot.offset).ok()?;
        let (sum, rest) = memory.split_first_chunk()?;
        let same = checksum(rest) == u64::from_le_bytes(*sum) && rest.starts_with(&key.to_bytes());
        same.then_some(())
    }

    /// All places that are taken, by tag.
    fn slots(&self) -> Option<Vec<Slot>> {
        let size = usize::try_from(self.head.places).ok()?.checked_mul(SLOT)?;
        let mut table = Vec::new();
        table.try_reserve_exact(size).ok()?;
        table.resize(size, 0);
        self.file.read_exact_at(&mut table, self.head.table).ok()?;
        let slots = table.chunks_exact(SLOT).filter_map(Slot::parse);
        let mut slots: Vec<Slot> = slots.filter(|slot| slot.offset != 0).collect();
        slots.sort_unstable_by_key(|slot| slot.tag);
        Some(slots)
    }

    /// Whether those may read it whom `mode` lets.
    fn has_mode(&self, mode: u32) -> bool {
        self.file.metadata().is_ok_and(|found| found.mode() & 0o777 == mode)
    }

    /// Whether these are the records of exactly these keys.
    fn holds(&self, slots: &[Slot], keys: &[Key]) -> bool {
        let used = |key: &Key| Some(u64::from(slot_of(key, slots)?.length));
        let all: Option<Vec<u64>> = keys.iter().map(used).collect();
        all.is_some_and(|used| used.iter().sum::<u64>() == self.head.used)
    }
}

impl Head {
    /// The place of a number that may lie behind the last.
    fn place(&self, number: u64) -> u64 {
        number & self.places.saturating_sub(1)
    }

    /// Where a place of the table stands in the file; `None` behind what a file can have.
    fn offset(&self, place: u64) -> Option<u64> {
        self.table.checked_add(place.checked_mul(SLOT as u64)?)
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut out = Writer::new(MAGIC);
        for number in [self.places, self.table, self.used] {
            out.u64(number);
        }
        out.finish().unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bytes = crate::bytes::Reader::of_file(bytes, MAGIC)?;
        let head = Self { places: bytes.u64()?, table: bytes.u64()?, used: bytes.u64()? };
        (head.places.is_power_of_two() && head.places <= MOST_PLACES).then_some(head)
    }
}

impl Slot {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (tag, length) = (u32::from_le_bytes(*tag), u32::from_le_bytes(*length));
        Some(Self { tag, length, offset: u64::from_le_bytes(*rest.first_chunk()?) })
    }
}

/// The texts of a record that is whole.
fn tale(record: &[u8]) -> Option<Tale<'_>> {
    let mut bytes = crate::bytes::Reader::of(record.get(8..)?);
    Key::read(&mut bytes)?;
    let tale = Tale { modinfo: bytes.text()?, end: bytes.text()? };
    bytes.end()?;
    Some(tale)
}

fn hash(key: &Key) -> u64 {
    checksum(&key.to_bytes())
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Where the record of this key seems to be, of `slots` by tag.
fn slot_of<'s>(key: &Key, slots: &'s [Slot]) -> Option<&'s Slot> {
    let tag = tag(hash(key));
    let place = slots.partition_point(|slot| slot.tag < tag);
    slots.get(place).filter(|slot| slot.tag == tag)
}

#[cfg(test)]
mod tests {
    use super::tell::tell;
    use super::*;
    use crate::key::Moment;

    fn key(number: u64) -> Key {
        let moment = Moment { seconds: 5, nanoseconds: 6 };
        Key { device: 1, inode: number, size: 3, modified: moment, changed: moment }
    }

    fn text(number: u64) -> Vec<u8> {
        format!("license=GPL {number}\0").repeat(1 + number as usize % 7).into_bytes()
    }

    struct Scratch {
        _dir: tempfile::TempDir,
        path: std::path::PathBuf,
        place: Place,
    }

    impl Scratch {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cache");
            Self { place: Place::make(&path).unwrap(), path, _dir: dir }
        }

        fn tell(&self, kept: &[u64], new: &[u64]) {
            let kept: Vec<Key> = kept.iter().map(|number| key(*number)).collect();
            let texts: Vec<_> = new.iter().map(|number| (key(*number), text(*number))).collect();
            let new: Vec<_> = texts
                .iter()
                .map(|(key, text)| (*key, Tale { modinfo: text, end: b"end" }))
                .collect();
            tell((&self.place, "t", 0o644), &kept, &new).unwrap();
        }

        fn knows(&self, number: u64) -> bool {
            let told = Told::open(&self.place, "t").unwrap();
            let mut memory = vec![7; 3];
            let found = told.read(&key(number), &mut memory);
            let expected = Tale { modinfo: &text(number), end: b"end" };
            assert!(!found || Told::tale(&memory) == expected);
            found
        }

        fn inode(&self) -> u64 {
            std::fs::metadata(self.path.join("t")).unwrap().ino()
        }
    }

    #[test]
    fn what_is_told_is_found_and_kept_as_long_as_it_is_asked_for() {
        let scratch = Scratch::new();
        let all: Vec<u64> = (0..500).collect();
        scratch.tell(&[], &all);
        assert!(all.iter().all(|number| scratch.knows(*number)));
        assert!(!scratch.knows(500));
        let before = scratch.inode();
        scratch.tell(&all, &[]);
        assert_eq!(scratch.inode(), before);
        // One comes, one goes, one is not known at all.
        scratch.tell(&[&all[1..], &[700]].concat(), &[600]);
        assert!(scratch.knows(600) && scratch.knows(499) && !scratch.knows(700));
        assert!(!scratch.knows(0));
        let size = std::fs::metadata(scratch.path.join("t")).unwrap().len();
        // Most go: their room is given back.
        scratch.tell(&all[1..100], &[]);
        assert!(scratch.knows(99) && scratch.knows(1) && !scratch.knows(100));
        assert!(std::fs::metadata(scratch.path.join("t")).unwrap().len() < size / 3);
        scratch.tell(&[], &[]);
        assert!(!scratch.knows(1));
    }

    #[test]
    fn the_first_of_two_files_stays_while_most_of_it_is_asked_for() {
        let scratch = Scratch::new();
        let tell = |kept: std::ops::Range<u64>, new: std::ops::Range<u64>, mode| {
            let kept: Vec<Key> = kept.map(key).collect();
            let texts: Vec<_> = new.map(|number| (key(number), text(number))).collect();
            let tale = |text| Tale { modinfo: text, end: b"end" };
            let new: Vec<_> = texts.iter().map(|(key, text)| (*key, tale(text))).collect();
            tell_apart((&scratch.place, ["t", "u"], mode), &kept, &new).unwrap();
        };
        let knows = |number| {
            let told = ["t", "u"].map(|name| Told::open(&scratch.place, name));
            let mut memory = Vec::new();
            let found = told.iter().flatten().any(|told| told.read(&key(number), &mut memory));
            let expected = Tale { modinfo: &text(number), end: b"end" };
            assert!(!found || Told::tale(&memory) == expected);
            found
        };
        let later = || scratch.path.join("u").exists();
        tell(0..0, 0..100, 0o600);
        let first = scratch.inode();
        for (kept, new) in [(0..100, 100..105), (0..105, 105..110), (0..110, 0..0)] {
            let end = kept.end.max(new.end);
            tell(kept, new, 0o600);
            assert!((0..end).all(knows) && later() && scratch.inode() == first);
        }
        // Those that came later go again.
        tell(0..100, 0..0, 0o600);
        assert!((0..100).all(knows) && !later() && scratch.inode() == first);
        // Too many come: all are together again.
        tell(0..100, 100..105, 0o600);
        tell(0..105, 105..130, 0o600);
        assert!((0..130).all(knows) && !later());
        // Too many go; another mode.
        let second = scratch.inode();
        tell(30..130, 130..131, 0o600);
        assert!((30..131).all(knows) && !knows(0) && !later());
        let third = scratch.inode();
        tell(30..131, 0..0, 0o644);
        assert!((30..131).all(knows) && second != third && third != scratch.inode());
    }

    #[test]
    fn a_table_at_the_end_of_the_world_has_no_record() {
        let scratch = Scratch::new();
        scratch.tell(&[], &[1]);
        let mut bytes = std::fs::read(scratch.path.join("t")).unwrap();
        let head = Head { places: 1 << 22, table: u64::MAX - 7, used: u64::MAX };
        bytes[..HEAD as usize].copy_from_slice(&head.to_bytes());
        scratch.place.replace("t", 0o600, &bytes).unwrap();
        assert!(!scratch.knows(1));
        scratch.tell(&[1], &[2]);
        assert!(scratch.knows(2) && !scratch.knows(1));
    }

    #[test]
    fn a_damaged_file_tells_the_truth_or_nothing() {
        let scratch = Scratch::new();
        let numbers = [1, 2, 3];
        scratch.tell(&[], &numbers);
        let whole = std::fs::read(scratch.path.join("t")).unwrap();
        let asked = |bytes: &[u8]| {
            scratch.place.replace("t", 0o600, bytes).unwrap();
            let told = Told::open(&scratch.place, "t")?;
            let mut memory = Vec::new();
            Some(numbers.map(|number| {
                let found = told.read(&key(number), &mut memory);
                let expected = Tale { modinfo: &text(number), end: b"end" };
                assert!(!found || Told::tale(&memory) == expected);
            }))
        };
        for end in 0..whole.len() {
            asked(&whole[..end]);
        }
        for at in 0..whole.len() {
            for bit in [1, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= bit;
                asked(&damaged);
                // It can be written over all the same.
                if at % 50 == 0 {
                    scratch.tell(&[1], &[2]);
                    assert!(scratch.knows(2));
                }
            }
        }
    }
}
