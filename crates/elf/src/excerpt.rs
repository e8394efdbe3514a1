use std::ops::Range;

use crate::module::{self, HEADER, Known};
use crate::view::{Part, View};
use crate::{Module, Signature};

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

/// The names alone are no more bytes in any but the largest.
const NAMES: u64 = 4096;

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

    /// As [`Excerpt::read`], for [`Module::modinfo`] alone; beside it such an end of the
    /// file that [`Signature::of`] says of it what it would of all.
    ///
    /// `None` also where the signature may reach further to the front.
    pub fn read_modinfo(
        &mut self,
        size: u64,
        read: &mut dyn FnMut(u64, &mut [u8]) -> bool,
    ) -> Option<(Module<'_>, &[u8])> {
        self.size = size;
        self.parts.clear();
        self.used = 0;
        self.hold(0..HEADER.min(size), read)?;
        let table = module::section_table(self.view()).ok()?;
        // From the names of sections on: their headers, and a signature.
        let tail = table.start.saturating_sub(NAMES)..size;
        self.hold(tail.clone(), read)?;
        let names = module::section_names(self.view()).ok()?;
        if self.view().range(names.start, names.end.checked_sub(names.start)?).is_none() {
            self.hold(names, read)?;
        }
        let module = Module::of(self.view()).ok()?;
        let (found, modinfo) = (module.found(), module.extent(Known::Modinfo).unwrap_or_default());
        self.hold(modinfo, read)?;
        let end = self.view().range(tail.start, tail.end.checked_sub(tail.start)?)?;
        if !Signature::is_within(end) {
            return None;
        }
        Some((Module::again(self.view(), found).ok()?, end))
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
    use komod_fixtures::{ModuleSpec, Pkcs7, Signed};

    fn part_of(file: &[u8], offset: u64, buffer: &mut [u8]) -> bool {
        let start = offset as usize;
        buffer.copy_from_slice(&file[start..start + buffer.len()]);
        true
    }

    fn excerpt_of(file: &[u8], excerpt: &mut Excerpt) -> Option<String> {
        let mut asked = 0;
        let read = excerpt.read(file.len() as u64, &mut |offset, buffer| {
            asked += buffer.len();
            part_of(file, offset, buffer)
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
        for bare in ModuleSpec::new("m").on_each_machine() {
            let spec = bare
                .clone()
                .modinfo("alias", "a")
                .export("e", 1)
                .needs("n")
                .needs_weak("w")
                .version("n", 4);
            let far = |spec: &ModuleSpec| spec.clone().section("far", [7; 20_000]);
            files.push(spec.clone().build());
            files.push(far(&spec).ext_version("n", 4).build());
            files.push(far(&bare).build());
            files.push(spec.ksymtab_strings(["k"]).build());
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

    /// What the part for `.modinfo` says, beside what the whole file does.
    #[track_caller]
    fn modinfo_of(file: &[u8], excerpt: &mut Excerpt) -> bool {
        let (whole, size) = (Module::parse(file), file.len() as u64);
        let read = excerpt.read_modinfo(size, &mut |offset, part| part_of(file, offset, part));
        if let Some((module, end)) = &read {
            let whole = whole.expect("parts of it are sound");
            assert_eq!(module.modinfo(), whole.modinfo());
            assert_eq!(Signature::of(end), Signature::of(file));
        }
        read.is_some()
    }

    #[test]
    fn parts_tell_of_modinfo_and_signature_as_the_whole_file() {
        let mut excerpt = Excerpt::default();
        let signed = |spec: &ModuleSpec| {
            spec.clone().signed(Signed::Pkcs7(Pkcs7::by("A key", &[1], &[7; 256]))).build()
        };
        let far = ModuleSpec::new("m").section("far", [7; 20_000]);
        for file in files().into_iter().chain([signed(&ModuleSpec::new("m")), signed(&far)]) {
            assert!(modinfo_of(&file, &mut excerpt));
        }
        assert!(modinfo_of(&ModuleSpec::new("m").without_modinfo().build(), &mut excerpt));
        // It says that it begins before what is read.
        let mut claims = far.build();
        let length = u32::try_from(claims.len() - 100).unwrap().to_be_bytes();
        claims.extend([&[1, 4, 1, 0, 0, 0, 0, 0][..], &length].concat());
        claims.extend(b"~Module signature appended~\n");
        assert!(!modinfo_of(&claims, &mut excerpt));
    }

    #[test]
    fn damage_gives_modinfo_as_the_whole_file_has_it_or_none() {
        let mut excerpt = Excerpt::default();
        let signed = Signed::Pkcs7(Pkcs7::by("A key", &[1], &[7; 64]));
        let file = ModuleSpec::new("m").modinfo("alias", "a").signed(signed).build();
        for end in 0..file.len() {
            let _ = modinfo_of(&file[..end], &mut excerpt);
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            for value in [0, 0xff, 0x80 ^ file[at]] {
                damaged[at] = value;
                let _ = modinfo_of(&damaged, &mut excerpt);
            }
        }
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
