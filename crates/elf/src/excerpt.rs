use std::ops::Range;

use crate::Module;
use crate::module::{self, HEADER, Known};
use crate::view::{Part, View};

/// What [`Module::undefined`], [`Module::export_names`], [`Module::versions`] and
/// [`Module::modinfo`] look at in an unpacked file, and no more of it: a seventh of a
/// distribution's modules. All else of such a module counts as absent.
///
/// One excerpt serves many files one after another and keeps its memory.
#[derive(Debug, Default)]
pub struct Excerpt {
    size: u64,
    parts: Vec<Part>,
    /// What is held, up to `used`; behind it old bytes, so that memory need not be
    /// cleared for each file.
    bytes: Vec<u8>,
    used: usize,
}

/// The sections that those functions look at.
const SECTIONS: [Known; 7] = [
    Known::Modinfo,
    Known::KsymtabStrings,
    Known::Symtab,
    Known::Strtab,
    Known::Versions,
    Known::VersionExtCrcs,
    Known::VersionExtNames,
];

/// Symbols, their names and the names of sections mostly stand right before the section
/// headers: so many bytes are read along, which is all of them in half of the modules.
const BEFORE_HEADERS: u64 = 12 << 10;

/// Bytes between two sections that cost less to read along than another call.
const GAP: u64 = 4096;

impl Excerpt {
    /// Takes what is needed of a file of `size` bytes. `read` fills its buffer from an
    /// offset on and tells whether the file had so many bytes; it is never asked for
    /// more than the file should have, nor in all for more than three times its size.
    ///
    /// `None` when that is not enough to go by: `read` failed, memory is short, or it is
    /// no sound module. The whole file then tells what is wrong with it.
    pub fn read(
        &mut self,
        size: u64,
        read: &mut dyn FnMut(u64, &mut [u8]) -> bool,
    ) -> Option<Module<'_>> {
        self.size = size;
        self.parts.clear();
        self.used = 0;
        self.hold(0..HEADER.min(size), read)?;
        let table = module::section_table(self.view()).ok()?;
        self.hold(table.start.saturating_sub(BEFORE_HEADERS)..table.end, read)?;
        let names = module::section_names(self.view()).ok()?;
        if self.view().range(names.start, names.end.checked_sub(names.start)?).is_none() {
            self.hold(names, read)?;
        }
        let module = Module::of(self.view()).ok()?;
        let found = module.found();
        let mut wanted = SECTIONS.map(|known| {
            let range = module.extent(known).unwrap_or_default();
            let size = range.end.saturating_sub(range.start);
            if self.view().range(range.start, size).is_some() { 0..0 } else { range }
        });
        wanted.sort_unstable_by_key(|range| range.start);
        let mut next = 0..0;
        for range in wanted.into_iter().filter(|range| !range.is_empty()) {
            if next.is_empty() {
                next = range;
            } else if range.start <= next.end.saturating_add(GAP) {
                next.end = next.end.max(range.end);
            } else {
                self.hold(next, read)?;
                next = range;
            }
        }
        self.hold(next, read)?;
        Module::again(self.view(), found).ok()
    }

    /// Gives memory back but for so many bytes.
    pub fn shrink_to(&mut self, kept: usize) {
        if self.bytes.len() > kept {
            self.bytes.truncate(kept);
            self.bytes.shrink_to_fit();
        }
    }

    fn view(&self) -> View<'_> {
        View::Parts { size: self.size, parts: &self.parts, bytes: &self.bytes }
    }

    fn hold(
        &mut self,
        range: Range<u64>,
        read: &mut dyn FnMut(u64, &mut [u8]) -> bool,
    ) -> Option<()> {
        if range.is_empty() {
            return Some(());
        }
        if range.end > self.size {
            return None;
        }
        let start = self.used;
        let end = start.checked_add(usize::try_from(range.end.checked_sub(range.start)?).ok()?)?;
        if let Some(more) = end.checked_sub(self.bytes.len()) {
            self.bytes.try_reserve(more).ok()?;
            self.bytes.resize(end, 0);
        }
        if !read(range.start, self.bytes.get_mut(start..end)?) {
            return None;
        }
        self.used = end;
        self.parts.push(Part { offset: range.start, held: start..end });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Class, Endian, ModuleSpec};

    fn excerpt_of(file: &[u8], excerpt: &mut Excerpt) -> Option<String> {
        let mut asked = 0;
        let read = excerpt.read(file.len() as u64, &mut |offset, buffer| {
            let start = offset as usize;
            buffer.copy_from_slice(&file[start..start + buffer.len()]);
            asked += buffer.len();
            true
        });
        let read = read.as_ref().map(answers);
        assert!(asked <= file.len() * 3 + 64, "{asked} of {}", file.len());
        read
    }

    /// Everything that an excerpt promises to answer, in words.
    fn answers(module: &Module<'_>) -> String {
        format!(
            "{:?} {:?} {:?} {:?}",
            module.export_names(),
            module.undefined(),
            module.versions(),
            module.modinfo()
        )
    }

    fn files() -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        for class in [Class::Elf32, Class::Elf64] {
            for endian in [Endian::Little, Endian::Big] {
                let spec = ModuleSpec::new("m")
                    .class(class)
                    .endian(endian)
                    .modinfo("alias", "a")
                    .export("e", 1)
                    .needs("n")
                    .needs_weak("w")
                    .version("n", 4);
                let far = |spec: &ModuleSpec| spec.clone().section("far", [7; 20_000]);
                files.push(spec.clone().build());
                files.push(far(&spec).ext_version("n", 4).build());
                files.push(far(&ModuleSpec::new("m").class(class).endian(endian)).build());
                files.push(spec.ksymtab_strings(["k"]).build());
            }
        }
        files
    }

    #[test]
    fn an_excerpt_answers_as_the_whole_file() {
        // One for all: nothing of a file may be left for the next.
        let mut excerpt = Excerpt::default();
        for file in files() {
            let found = excerpt_of(&file, &mut excerpt).expect("a sound module");
            assert_eq!(found, answers(&Module::parse(&file).unwrap()));
        }
    }

    #[test]
    fn damaged_files_answer_as_the_whole_or_not_at_all() {
        let mut excerpt = Excerpt::default();
        let mut agreed = 0;
        for file in files().into_iter().filter(|file| file.len() < 8000) {
            for end in 0..file.len() {
                let _ = excerpt_of(&file[..end], &mut excerpt);
            }
            for at in 0..file.len() {
                let mut damaged = file.clone();
                for value in [0, 0xff, 0x80 ^ file[at]] {
                    damaged[at] = value;
                    if let Some(found) = excerpt_of(&damaged, &mut excerpt) {
                        let whole = Module::parse(&damaged).expect("an excerpt of it is sound");
                        assert_eq!(found, answers(&whole), "{at}");
                        agreed += 1;
                    } else {
                        assert!(Module::parse(&damaged).is_err(), "{at}: needless doubt");
                    }
                }
            }
        }
        assert!(agreed > 1000);
    }

    #[test]
    fn a_file_that_shrank_gives_nothing() {
        let file = &files()[0];
        for limit in 0..file.len() {
            let mut excerpt = Excerpt::default();
            let mut most = 0;
            let read = excerpt.read(file.len() as u64, &mut |offset, buffer| {
                let end = offset as usize + buffer.len();
                most = most.max(end);
                if end > limit {
                    return false;
                }
                buffer.copy_from_slice(&file[offset as usize..end]);
                true
            });
            assert_eq!(read.is_some(), most <= limit);
        }
    }
}
