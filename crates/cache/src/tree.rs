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
    /// The checksum of the [`Facts`](crate::Facts) that belong to it; 0 for none.
    pub facts: u64,
    /// The lists that are read beside the modules; `None` for one that was missing.
    pub inputs: Vec<Option<Known>>,
    /// The files that were made.
    pub outputs: Vec<Output>,
    /// Every directory that was listed, in the order in which they were.
    pub directories: Vec<Directory<'a>>,
    /// The modules, in their order.
    pub modules: Vec<Module<'a>>,
}

/// A module's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its path.
    pub path: &'a [u8],
    /// Its key before it was read; `None` if it had vanished.
    pub known: Option<Known>,
    /// Whether it could be read, so that there are facts of it.
    pub whole: bool,
    /// Whether there is a [`Tale`](crate::Tale) of it.
    pub told: bool,
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
const MAGIC: [u8; 8] = *b"komodT\0\x01";

impl<'a> Tree<'a> {
    /// The tree in a file's bytes; `None` unless every one is as it was written.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = Reader::of_file(bytes, MAGIC)?;
        let mut tree = Self {
            settings: bytes.text()?.into(),
            quiet: bytes.bool()?,
            facts: bytes.u64()?,
            ..Self::default()
        };
        for _ in 0..bytes.count(1)? {
            tree.inputs.push(optional(&mut bytes)?);
        }
        for _ in 0..bytes.count(8)? {
            tree.outputs.push(Output { known: Known::read(&mut bytes)?, sum: bytes.u64()? });
        }
        let count = bytes.count(8)?;
        tree.directories.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            tree.directories.push(Directory::read(&mut bytes)?);
        }
        let count = bytes.count(6)?;
        tree.modules.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            let (path, known) = (bytes.text()?, optional(&mut bytes)?);
            let marks = bytes.u8().filter(|marks| *marks < 4)?;
            let (whole, told) = (marks & 1 != 0, marks & 2 != 0);
            tree.modules.push(Module { path, known, whole, told });
        }
        bytes.end()?;
        Some(tree)
    }

    /// The file's bytes; `None` if there were too many.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut out = Writer::new(MAGIC);
        out.text(&self.settings);
        out.u8(u8::from(self.quiet));
        out.u64(self.facts);
        out.count(self.inputs.len());
        for input in &self.inputs {
            write_optional(input.as_ref(), &mut out);
        }
        out.count(self.outputs.len());
        for output in &self.outputs {
            output.known.write(&mut out);
            out.u64(output.sum);
        }
        out.count(self.directories.len());
        for directory in &self.directories {
            directory.write(&mut out);
        }
        out.count(self.modules.len());
        for Module { path, known, whole, told } in &self.modules {
            out.text(path);
            write_optional(known.as_ref(), &mut out);
            out.u8(u8::from(*whole) | u8::from(*told) << 1);
        }
        out.finish()
    }
}

impl<'a> Directory<'a> {
    fn read(bytes: &mut Reader<'a>) -> Option<Self> {
        let (path, known) = (bytes.text()?, Known::read(bytes)?);
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

    fn write(&self, out: &mut Writer) {
        out.text(self.path);
        self.known.write(out);
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

fn optional(bytes: &mut Reader<'_>) -> Option<Option<Known>> {
    Some(if bytes.bool()? { Some(Known::read(bytes)?) } else { None })
}

fn write_optional(known: Option<&Known>, out: &mut Writer) {
    out.u8(u8::from(known.is_some()));
    if let Some(known) = known {
        known.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Moment};

    fn known(number: u32) -> Known {
        let moment = |of: i64| Moment { seconds: of - 5, nanoseconds: number };
        let key = Key {
            device: 1,
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
        let entries = vec![
            entry("a/", EntryKind::Directory, true),
            entry("b.ko", EntryKind::Module, false),
            entry("c", EntryKind::Other, true),
        ];
        Tree {
            settings: b"settings"[..].into(),
            quiet: true,
            facts: 77,
            inputs: vec![Some(known(1)), None],
            outputs: vec![Output { known: known(2), sum: 3 }],
            directories: vec![
                Directory { path: b"/d", known: known(3), entries },
                Directory { path: b"/d/a", known: known(4), entries: Vec::new() },
            ],
            modules: vec![
                Module { path: b"/d/b.ko", known: Some(known(5)), whole: true, told: true },
                Module { path: b"/d/x.ko", known: None, whole: false, told: false },
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
