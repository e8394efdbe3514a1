//! What a tree of modules was read from: everything on which the database depends.

use std::borrow::Cow;

use crate::bytes::{Reader, Writer};
use crate::key::Known;

/// The keys of a tree. It borrows from the file it was read from, or from what it is
/// made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree<'a> {
    /// Everything else that decides: paths, options, configuration; compared as it is.
    pub settings: Cow<'a, [u8]>,
    /// Whether the run had nothing to say.
    pub quiet: bool,
    /// The checksums of the two files of [`Facts`](crate::Facts) that belong to it, the
    /// large one and the one of modules that came later; 0 for none.
    pub facts: [u64; 2],
    /// The lists that are read beside the modules; `None` for one that was missing.
    pub inputs: Vec<Option<Known>>,
    /// The files that were made.
    pub outputs: Vec<Output>,
    /// Every directory that was listed, in the order in which they were.
    pub directories: Vec<Directory<'a>>,
    /// The modules, in their order.
    pub modules: Vec<Module>,
}

/// A module's file. Where it is says the [`Entry`] that names its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// Its key before it was read; `None` if it had vanished.
    pub known: Option<Known>,
    /// Where its facts are; `None` if it could not be read.
    pub facts: Option<FactsPlace>,
    /// Whether there is a [`Tale`](crate::Tale) of it.
    pub told: bool,
}

/// Where the facts of a module are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactsPlace {
    /// In the second file.
    pub later: bool,
    /// The place in it, less than 2^31.
    pub place: u32,
}

/// A file that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its key when it was in place. It is hardly ever settled at that time.
    pub known: Known,
    /// The checksum of its bytes.
    pub sum: u64,
}

/// A directory and what mattered in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory<'a> {
    /// Its path.
    pub path: &'a [u8],
    /// Its key before it was listed.
    pub known: Known,
    /// In the order in which they were looked at.
    pub entries: Vec<Entry<'a>>,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name, as the caller writes it.
    pub name: Cow<'a, [u8]>,
    /// What it is, links followed.
    pub kind: EntryKind,
    /// Whether that has to be found out anew each time: it is a symbolic link, or the
    /// file system does not tell kinds.
    pub link: bool,
    /// The place of the module that it is in [`Tree::modules`]; `None` if it is none, or
    /// another file is taken for its name.
    pub module: Option<u32>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A module's file.
    Module,
    /// A file that is no module.
    Other,
}

const NOWHERE: u32 = u32::MAX;

/// The last byte changes whenever a field does.
const MAGIC: [u8; 8] = *b"komodT\0\x02";

impl<'a> Tree<'a> {
    /// The tree in a file's bytes; `None` unless every one is as it was written.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = Reader::of_file(bytes, MAGIC)?;
        let mut tree = Self {
            settings: bytes.text()?.into(),
            quiet: bytes.bool()?,
            facts: [bytes.u64()?, bytes.u64()?],
            ..Self::default()
        };
        let device = &mut 0;
        for _ in 0..bytes.count(1)? {
            tree.inputs.push(Known::read_optional(&mut bytes, device)?);
        }
        for _ in 0..bytes.count(8)? {
            let known = Known::read(&mut bytes, device)?;
            tree.outputs.push(Output { known, sum: bytes.u64()? });
        }
        let count = bytes.count(8)?;
        tree.directories.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            tree.directories.push(Directory::read(&mut bytes, device)?);
        }
        let count = bytes.count(6)?;
        tree.modules.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            let known = Known::read_optional(&mut bytes, device)?;
            let (facts, told) = (FactsPlace::of(bytes.u32()?), bytes.bool()?);
            tree.modules.push(Module { known, facts, told });
        }
        bytes.end()?;
        Some(tree)
    }

    /// The file's bytes; `None` if there were too many.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut out = Writer::new(MAGIC);
        out.text(&self.settings);
        out.u8(u8::from(self.quiet));
        self.facts.iter().for_each(|sum| out.u64(*sum));
        let device = &mut 0;
        out.count(self.inputs.len());
        for input in &self.inputs {
            Known::write_optional(input.as_ref(), device, &mut out);
        }
        out.count(self.outputs.len());
        for output in &self.outputs {
            Known::write_optional(Some(&output.known), device, &mut out);
            out.u64(output.sum);
        }
        out.count(self.directories.len());
        for directory in &self.directories {
            directory.write(device, &mut out);
        }
        out.count(self.modules.len());
        for Module { known, facts, told } in &self.modules {
            Known::write_optional(known.as_ref(), device, &mut out);
            out.u32(facts.map_or(NOWHERE, FactsPlace::number));
            out.u8(u8::from(*told));
        }
        out.finish()
    }
}

impl<'a> Directory<'a> {
    fn read(bytes: &mut Reader<'a>, device: &mut u64) -> Option<Self> {
        let (path, known) = (bytes.text()?, Known::read(bytes, device)?);
        let count = bytes.count(10)?;
        let mut entries = Vec::new();
        entries.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            entries.push(Entry {
                name: bytes.text()?.into(),
                kind: EntryKind::of(bytes.u8()?)?,
                link: bytes.bool()?,
                module: Some(bytes.u32()?).filter(|place| *place != NOWHERE),
            });
        }
        Some(Self { path, known, entries })
    }

    fn write(&self, device: &mut u64, out: &mut Writer) {
        out.text(self.path);
        Known::write_optional(Some(&self.known), device, out);
        out.count(self.entries.len());
        for entry in &self.entries {
            out.text(&entry.name);
            out.u8(entry.kind.number());
            out.u8(u8::from(entry.link));
            out.u32(entry.module.unwrap_or(NOWHERE));
        }
    }
}

impl EntryKind {
    fn number(self) -> u8 {
        match self {
            Self::Directory => 0,
            Self::Module => 1,
            Self::Other => 2,
        }
    }

    fn of(number: u8) -> Option<Self> {
        [Self::Directory, Self::Module, Self::Other].into_iter().find(|k| k.number() == number)
    }
}

impl FactsPlace {
    const LATER: u32 = 1 << 31;

    fn number(self) -> u32 {
        self.place | if self.later { Self::LATER } else { 0 }
    }

    fn of(number: u32) -> Option<Self> {
        let place = Self { later: number & Self::LATER != 0, place: number & !Self::LATER };
        Some(place).filter(|_| number != NOWHERE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Moment};

    fn known(number: u32) -> Known {
        let moment = |of: i64| Moment { seconds: of - 5, nanoseconds: number };
        let key = Key {
            device: u64::from(number / 3),
            inode: u64::from(number),
            size: u64::MAX,
            modified: moment(4),
            changed: moment(7),
        };
        Known { key, settled: number % 2 == 0 }
    }

    fn tree() -> Tree<'static> {
        let entry = |name: &'static str, kind, link| {
            let module = (kind == EntryKind::Module).then_some(7);
            Entry { name: name.as_bytes().into(), kind, link, module }
        };
        let place = |later, place| Some(FactsPlace { later, place });
        let entries = vec![
            entry("a/", EntryKind::Directory, true),
            entry("b.ko", EntryKind::Module, false),
            entry("c", EntryKind::Other, true),
        ];
        Tree {
            settings: b"settings"[..].into(),
            quiet: true,
            facts: [77, 0],
            inputs: vec![Some(known(1)), None],
            outputs: vec![Output { known: known(2), sum: 3 }],
            directories: vec![
                Directory { path: b"/d", known: known(3), entries },
                Directory { path: b"/d/a", known: known(4), entries: Vec::new() },
            ],
            modules: vec![
                Module { known: Some(known(5)), facts: place(false, 7), told: true },
                Module { known: Some(known(6)), facts: place(true, 0), told: false },
                Module { known: None, facts: None, told: false },
            ],
        }
    }

    #[test]
    fn a_tree_comes_back_whole_or_not_at_all() {
        let tree = tree();
        let mut bytes = tree.to_bytes().unwrap();
        assert_eq!(Tree::parse(&bytes), Some(tree));
        for end in 0..bytes.len() {
            assert_eq!(Tree::parse(&bytes[..end]), None, "{end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert_eq!(Tree::parse(&bytes), None, "{at} {bit}");
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn a_forged_sum_gives_no_panic() {
        let bytes = tree().to_bytes().unwrap();
        let body = &bytes[..bytes.len() - 8];
        for at in 8..body.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut forged = body.to_vec();
                forged[at] = value;
                forged.extend(crate::checksum(&forged).to_le_bytes());
                let _ = Tree::parse(&forged);
            }
        }
    }
}
