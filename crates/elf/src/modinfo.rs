use crate::module::Known;
use crate::{Error, Module, bytes};

impl<'a> Module<'a> {
    /// The strings of `.modinfo`, `KEY=VALUE` mostly, in their order, empty ones
    /// passed over. `Ok(None)` without the section.
    ///
    /// The last string needs no NUL behind it. A section of a single byte holds no
    /// string, as in kmod.
    pub fn modinfo(&self) -> Result<Option<Vec<&'a [u8]>>, Error> {
        Ok(self.modinfo_strings().map(Iterator::collect))
    }

    /// As [`Module::modinfo`], one after another.
    pub fn modinfo_strings(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        self.modinfo_section().map(modinfo_strings)
    }

    /// The bytes of `.modinfo`, of which [`modinfo_strings`] are the strings. `None`
    /// without the section.
    pub fn modinfo_section(&self) -> Option<&'a [u8]> {
        self.section(Known::Modinfo).map(|section| section.bytes)
    }

    /// The values of one `.modinfo` key, in their order, without a list of all strings.
    /// `Ok(None)` without the section.
    pub fn modinfo_values(
        &self,
        key: &'static [u8],
    ) -> Result<Option<impl Iterator<Item = &'a [u8]> + use<'a>>, Error> {
        let value = move |string: &'a [u8]| string.strip_prefix(key)?.strip_prefix(b"=");
        Ok(self.modinfo_strings().map(|strings| strings.filter_map(value)))
    }

    /// The build id in the note section `.note.gnu.build-id`. `Ok(None)` without the
    /// section or without a GNU note of that kind in it; an error if a note reaches
    /// beyond the section.
    pub fn build_id(&self) -> Result<Option<&'a [u8]>, Error> {
        const NT_GNU_BUILD_ID: u32 = 3;
        let Some(section) = self.section(Known::BuildId) else { return Ok(None) };
        let mut rest = section.bytes;
        while !rest.is_empty() {
            let note = self.note(rest).ok_or_else(|| {
                let found = format!("{} bytes", rest.len());
                Error::malformed("build id note", section.offset, found, "a whole note")
            })?;
            if note.kind == NT_GNU_BUILD_ID && note.name == b"GNU\0" {
                return Ok(Some(note.content));
            }
            rest = note.rest;
        }
        Ok(None)
    }

    /// Splits off the first note: three words, name and content, both padded to four
    /// bytes (the last content's padding may be missing).
    fn note<'n>(&self, bytes: &'n [u8]) -> Option<Note<'n>> {
        let word = |at| bytes::array(bytes, at).map(|word| self.u32(word));
        let (name_size, size) = (word(0)? as usize, word(4)? as usize);
        let content_at = name_size.checked_next_multiple_of(4)?.checked_add(12)?;
        let next = content_at.checked_add(size.checked_next_multiple_of(4)?)?;
        Some(Note {
            kind: word(8)?,
            name: bytes.get(12..)?.get(..name_size)?,
            content: bytes.get(content_at..)?.get(..size)?,
            rest: bytes.get(next..).unwrap_or_default(),
        })
    }
}

/// The strings in the bytes of a `.modinfo` section, as [`Module::modinfo`] has them.
pub fn modinfo_strings(section: &[u8]) -> impl Iterator<Item = &[u8]> {
    match section {
        [] | [_] => bytes::strings(&[]),
        several => bytes::strings(several),
    }
}

struct Note<'a> {
    kind: u32,
    name: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Endian, ModuleSpec};

    #[test]
    fn strings_come_in_order() {
        let spec = ModuleSpec::new("m").modinfo("b", "2").modinfo_raw("").modinfo_raw("bare");
        for spec in spec.on_each_machine() {
            let file = spec.modinfo("a", "1=1").build();
            let strings = Module::parse(&file).unwrap().modinfo().unwrap().unwrap();
            assert_eq!(strings, [&b"b=2"[..], b"bare", b"a=1=1", b"name=m"]);
        }
    }

    #[test]
    fn absent_is_not_empty() {
        let file = ModuleSpec::new("m").without_modinfo().build();
        assert_eq!(Module::parse(&file).unwrap().modinfo(), Ok(None));
        for byte in [vec![], vec![b'x'], vec![0]] {
            let file = ModuleSpec::new("m").without_modinfo().section(".modinfo", byte).build();
            assert_eq!(Module::parse(&file).unwrap().modinfo(), Ok(Some(vec![])));
        }
        let file = ModuleSpec::new("m").without_modinfo().section(".modinfo", b"xy").build();
        assert_eq!(Module::parse(&file).unwrap().modinfo(), Ok(Some(vec![&b"xy"[..]])));
    }

    #[test]
    fn values_of_one_key() {
        let file = ModuleSpec::new("m").modinfo("alias", "a").modinfo("aliases", "b");
        let file = file.modinfo("alias", "c").modinfo_raw("alias").build();
        let module = Module::parse(&file).unwrap();
        let values: Vec<_> = module.modinfo_values(b"alias").unwrap().unwrap().collect();
        assert_eq!(values, [b"a", b"c"]);
        assert_eq!(module.modinfo_values(b"depends").unwrap().unwrap().count(), 0);
    }

    #[test]
    fn build_id_of_both_byte_orders() {
        for endian in [Endian::Little, Endian::Big] {
            for id in [&[1, 2, 3, 4][..], &[9; 20], &[7; 5]] {
                let file = ModuleSpec::new("m").endian(endian).build_id(id).build();
                assert_eq!(Module::parse(&file).unwrap().build_id(), Ok(Some(id)));
            }
        }
        let file = ModuleSpec::new("m").build();
        assert_eq!(Module::parse(&file).unwrap().build_id(), Ok(None));
        let cut = ModuleSpec::new("m").section(".note.gnu.build-id", [4, 0, 0, 0, 99]).build();
        assert!(Module::parse(&cut).unwrap().build_id().is_err());
    }
}
