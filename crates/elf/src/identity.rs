use goblin::elf::section_header::SHT_NOBITS;

use crate::module::{self, HEADER};
use crate::view::View;
use crate::{Error, Module};

/// What the ELF header says of a file, and how long the file has to be for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Whether the class is 64 bit.
    pub is_64: bool,
    /// Whether the byte order is little endian.
    pub is_little_endian: bool,
    /// `e_type`: 1 for a relocatable file, as a module is one.
    pub kind: u16,
    /// `e_machine`: the processor.
    pub machine: u16,
    /// Bytes that the file needs up to the end of its section headers, which the
    /// linker writes last.
    pub end: u64,
}

impl Identity {
    /// The identity of a file of which `bytes` are there: the header is enough.
    ///
    /// # Errors
    /// [`Error::NotElf`] without the magic number; [`Error::Malformed`] if class or
    /// byte order are unknown or there is less than a header.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        let start = bytes.get(..HEADER as usize).unwrap_or(bytes);
        module::identity(View::Whole(start))
    }
}

impl<'a> Module<'a> {
    /// The first section called so: its bytes. `None` without one, or if it reaches
    /// outside the file.
    pub fn section_called(&self, name: &[u8]) -> Option<&'a [u8]> {
        let index = self.section_names().position(|own| own == name)?;
        Some(self.section_at(index)?.bytes)
    }

    /// Up to which byte of the file its sections reach, whether they are there or not.
    pub fn sections_end(&self) -> u64 {
        let ends = self.section_headers().filter(|header| header.sh_type != SHT_NOBITS);
        ends.map(|header| header.sh_offset.saturating_add(header.sh_size)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Class, Endian, ModuleSpec};

    #[test]
    fn a_header_tells_what_a_file_is() {
        for (class, endian, machine) in [
            (Class::Elf32, Endian::Little, 3),
            (Class::Elf64, Endian::Little, 62),
            (Class::Elf64, Endian::Big, 22),
        ] {
            let file = ModuleSpec::new("a").class(class).endian(endian).build();
            let all = Identity::of(&file).unwrap();
            assert_eq!(all.is_64, class == Class::Elf64);
            assert_eq!(all.is_little_endian, endian == Endian::Little);
            assert_eq!((all.kind, all.machine), (1, machine));
            assert_eq!(all.end, file.len() as u64, "section headers come last");
            assert_eq!(Identity::of(&file[..64]).unwrap(), all);
            for length in 0..52 {
                assert!(Identity::of(&file[..length]).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn sections_are_found_by_their_names() {
        let file = ModuleSpec::new("a").section("__odd", b"xyz".to_vec()).build();
        let module = Module::parse(&file).unwrap();
        assert_eq!(module.section_called(b"__odd"), Some(&b"xyz"[..]));
        assert_eq!(module.section_called(b"__none"), None);
        assert!(module.sections_end() <= file.len() as u64);
        assert!(module.sections_end() > 64);
    }
}
