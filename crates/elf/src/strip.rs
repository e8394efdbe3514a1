use goblin::elf::section_header::{SHF_ALLOC, section_header32, section_header64};
use std::mem::offset_of;

use crate::module::Known;
use crate::{Error, Module, bytes};

/// Makes the kernel skip the symbol CRC check of an image that goes in from memory:
/// clears SHF_ALLOC of the section `__versions`, and of the two with the extended
/// versions, which the kernel then does not see. Without them nothing changes. An
/// error if the image is no module.
pub fn strip_modversions(image: &mut [u8]) -> Result<(), Error> {
    for known in [Known::Versions, Known::VersionExtCrcs, Known::VersionExtNames] {
        hide(image, known)?;
    }
    Ok(())
}

/// Clears a section's SHF_ALLOC, if it is there.
fn hide(image: &mut [u8], known: Known) -> Result<(), Error> {
    let module = Module::parse(image)?;
    let Some(section) = module.section(known) else { return Ok(()) };
    // The field is a word of the class, and the flag is in its lowest byte.
    let (field, size) = if module.is_64() {
        (offset_of!(section_header64::SectionHeader, sh_flags), 8)
    } else {
        (offset_of!(section_header32::SectionHeader, sh_flags), 4)
    };
    let lowest = if module.context().is_little_endian() { 0_usize } else { size };
    let at = usize::try_from(section.header_offset)
        .ok()
        .and_then(|header| header.checked_add(field)?.checked_add(lowest.saturating_sub(1)));
    if let Some(flags) = at.and_then(|at| image.get_mut(at)) {
        *flags &= !(SHF_ALLOC as u8);
    }
    Ok(())
}

/// Makes the kernel skip the version check of an image that goes in from memory:
/// zeroes the string `vermagic=...` of `.modinfo`. `Ok(false)` when there is a
/// `.modinfo` without one (kmod: ENODATA); without the section nothing changes.
/// An error if the image is no module.
pub fn strip_vermagic(image: &mut [u8]) -> Result<bool, Error> {
    let module = Module::parse(image)?;
    let Some(section) = module.section(Known::Modinfo) else { return Ok(true) };
    let mut at = section.offset;
    let mut found = None;
    for string in section.bytes.split(|byte| *byte == 0) {
        if string.starts_with(b"vermagic=") {
            found = Some((at, string.len() as u64));
            break;
        }
        at = at.saturating_add(string.len() as u64).saturating_add(1);
    }
    let Some((offset, size)) = found else { return Ok(false) };
    let range = bytes::bounds(offset, size).and_then(|range| image.get_mut(range));
    range.unwrap_or_default().fill(0);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::ModuleSpec;

    fn each(check: impl FnMut(ModuleSpec)) {
        ModuleSpec::new("m").on_each_machine().into_iter().for_each(check);
    }

    fn differences(a: &[u8], b: &[u8]) -> Vec<usize> {
        assert_eq!(a.len(), b.len());
        (0..a.len()).filter(|at| a[*at] != b[*at]).collect()
    }

    #[test]
    fn one_flag_hides_the_versions() {
        each(|spec| {
            let file = spec.clone().version("module_layout", 1).needs("a").build();
            let mut image = file.clone();
            strip_modversions(&mut image).unwrap();
            let changed = differences(&file, &image);
            assert_eq!(changed.len(), 1);
            assert_eq!((file[changed[0]], image[changed[0]]), (2, 0));
            let object = goblin::elf::Elf::parse(&image).unwrap();
            let hidden: Vec<_> = object
                .section_headers
                .iter()
                .filter(|header| !header.is_alloc())
                .filter_map(|header| object.shdr_strtab.get_at(header.sh_name))
                .collect();
            assert!(hidden.contains(&"__versions"), "{hidden:?}");
            assert!(!hidden.contains(&".modinfo"), "{hidden:?}");
            let mut image = spec.build();
            strip_modversions(&mut image).unwrap();
            assert_eq!(image, spec.build());
        });
    }

    #[test]
    fn extended_versions_are_hidden_too() {
        each(|spec| {
            let file = spec.version("f", 1).ext_version("f", 1).build();
            let mut image = file.clone();
            strip_modversions(&mut image).unwrap();
            assert_eq!(differences(&file, &image).len(), 3);
            let object = goblin::elf::Elf::parse(&image).unwrap();
            let name = |header: &goblin::elf::SectionHeader| {
                object.shdr_strtab.get_at(header.sh_name).unwrap_or_default().to_owned()
            };
            let versions = object.section_headers.iter().filter(|h| name(h).contains("__version"));
            assert_eq!(versions.filter(|header| !header.is_alloc()).count(), 3);
        });
    }

    #[test]
    fn vermagic_becomes_nuls() {
        each(|spec| {
            let spec = spec.modinfo("xvermagic", "no");
            let file = spec.clone().modinfo("vermagic", "6.1 SMP").modinfo("z", "1").build();
            let mut image = file.clone();
            assert_eq!(strip_vermagic(&mut image), Ok(true));
            assert_eq!(differences(&file, &image).len(), "vermagic=6.1 SMP".len());
            let strings = Module::parse(&image).unwrap().modinfo().unwrap().unwrap();
            assert_eq!(strings, [&b"xvermagic=no"[..], b"z=1", b"name=m"]);
            let mut image = spec.build();
            assert_eq!(strip_vermagic(&mut image), Ok(false));
            assert_eq!(image, spec.build());
            assert_eq!(strip_vermagic(&mut spec.without_modinfo().build()), Ok(true));
        });
    }

    #[test]
    fn no_module_is_refused() {
        assert!(strip_modversions(&mut [1; 100]).is_err());
        assert!(strip_vermagic(&mut []).is_err());
    }
}
