//! Where in a file the parts lie that tell of a module, for those who keep a file's
//! bytes at their own places and read few of them.

use std::ops::Range;

use crate::Module;
use crate::module::{Known, section_names, section_table};
use crate::view::View;

/// Places in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The table of section names, without which nothing is found.
    pub names: Range<u64>,
    /// The section `.modinfo`, if there is one.
    pub modinfo: Option<Range<u64>>,
}

impl Outline {
    /// Where the section headers lie in a file of which the first 64 bytes are true,
    /// and the length. `None` if there is no ELF header, or they lie outside.
    pub fn headers(file: &[u8]) -> Option<Range<u64>> {
        section_table(View::Whole(file)).ok()
    }

    /// Where the parts lie in a file of which the ELF header, the section headers and
    /// their names are true. `None` if it cannot be parsed.
    pub fn of(file: &[u8]) -> Option<Self> {
        let names = section_names(View::Whole(file)).ok()?;
        Some(Self { names, modinfo: Module::parse(file).ok()?.extent(Known::Modinfo) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Class, Endian, ModuleSpec};

    #[test]
    fn nothing_but_the_parts_is_needed() {
        for (class, endian) in [
            (Class::Elf64, Endian::Little),
            (Class::Elf32, Endian::Little),
            (Class::Elf64, Endian::Big),
        ] {
            let spec = ModuleSpec::new("m").class(class).endian(endian);
            let file = spec.modinfo("license", "GPL").export("f", 1).build();
            let outline = Outline::of(&file).unwrap();
            let headers = Outline::headers(&file).unwrap();
            let mut parts = vec![0xaa; file.len()];
            let modinfo = outline.modinfo.clone().unwrap();
            for Range { start, end } in [0..64, headers.clone(), outline.names.clone(), modinfo] {
                let place = start as usize..end as usize;
                parts[place.clone()].copy_from_slice(&file[place]);
            }
            assert_eq!(Outline::headers(&parts), Some(headers));
            assert_eq!(Outline::of(&parts).as_ref(), Some(&outline));
            let (found, whole) = (Module::parse(&parts).unwrap(), Module::parse(&file).unwrap());
            assert_eq!(found.modinfo().unwrap(), whole.modinfo().unwrap());
        }
    }

    #[test]
    fn what_is_cut_off_has_no_outline() {
        let file = ModuleSpec::new("m").build();
        for length in 0..file.len() {
            assert_eq!(Outline::of(&file[..length]), None, "{length}");
        }
        let bare = ModuleSpec::new("m").without_modinfo().build();
        assert_eq!(Outline::of(&bare).unwrap().modinfo, None);
    }
}
