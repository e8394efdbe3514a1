use crate::bytes;
use crate::module::{Known, Section};
use crate::{Error, Module};

/// Bytes of a record in `__versions`.
const RECORD: usize = 64;

/// A symbol's interface as a module was built against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// As in the table, a leading dot included (PowerPC 64 with ELFv1).
    pub name: &'a [u8],
    /// Checksum of 32 bits; the table's field has 64 in an ELF file of 64 bits.
    pub crc: u64,
}

impl<'a> Module<'a> {
    /// The versions of needed symbols (CONFIG_MODVERSIONS), in their order.
    /// `Ok(None)` without any.
    ///
    /// The extended ones (`__version_ext_crcs` and `__version_ext_names`, Linux 6.14
    /// on, names of any length) are preferred, as the kernel does; kmod knows only
    /// `__versions`, records of 64 bytes. An error if the table's size is no multiple
    /// of that, or if extended names and checksums do not match up.
    pub fn versions(&self) -> Result<Option<Vec<Version<'a>>>, Error> {
        match (self.section(Known::VersionExtCrcs), self.section(Known::VersionExtNames)) {
            (Some(crcs), Some(names)) => self.extended(crcs, names).map(Some),
            _ => self.section(Known::Versions).map(|section| self.records_of(section)).transpose(),
        }
    }

    /// The records of `__versions`, if [`Module::versions`] are those: checksum, and the
    /// field with the name up to its first NUL. For who has seen most of them in other
    /// modules, and can tell without a look for the NUL.
    pub fn version_fields(&self) -> Option<impl Iterator<Item = (u64, &'a [u8])>> {
        let extended = (self.section(Known::VersionExtCrcs), self.section(Known::VersionExtNames));
        if let (Some(_), Some(_)) = extended {
            return None;
        }
        let records = self.section(Known::Versions)?.bytes.chunks_exact(RECORD);
        records.remainder().is_empty().then(|| records.filter_map(|record| self.fields(record)))
    }

    fn fields(&self, record: &'a [u8]) -> Option<(u64, &'a [u8])> {
        Some(if self.is_64() {
            let (crc, name) = record.split_first_chunk()?;
            (self.u64(*crc), name)
        } else {
            let (crc, name) = record.split_first_chunk()?;
            (self.u32(*crc).into(), name)
        })
    }

    /// `struct modversion_info` (linux/module.h): an `unsigned long` and a name that
    /// fills 64 bytes up.
    fn records_of(&self, section: Section<'a>) -> Result<Vec<Version<'a>>, Error> {
        let records = section.bytes.chunks_exact(RECORD);
        if !records.remainder().is_empty() {
            let found = format!("{} bytes", section.bytes.len());
            let expected = "a multiple of 64";
            return Err(Error::malformed("size of __versions", section.offset, found, expected));
        }
        let mut versions = Vec::with_capacity(records.len());
        versions.extend(records.filter_map(|record| {
            let (crc, name) = self.fields(record)?;
            Some(Version { name: bytes::until_nul(name), crc })
        }));
        Ok(versions)
    }

    fn extended(&self, crcs: Section<'a>, names: Section<'a>) -> Result<Vec<Version<'a>>, Error> {
        let records = crcs.bytes.chunks_exact(4);
        if !records.remainder().is_empty() {
            let (found, what) =
                (format!("{} bytes", crcs.bytes.len()), "size of __version_ext_crcs");
            return Err(Error::malformed(what, crcs.offset, found, "a multiple of 4"));
        }
        let mut rest = names.bytes;
        let versions = records.map(|record| {
            let name = bytes::string(rest, 0)?;
            rest = rest.get(name.len().checked_add(1)?..)?;
            Some(Version { name, crc: self.u32(bytes::array(record, 0)?).into() })
        });
        versions.collect::<Option<Vec<_>>>().ok_or_else(|| {
            let what = "__version_ext_names";
            Error::malformed(what, names.offset, "too few names", "one for each checksum")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::ModuleSpec;

    #[test]
    fn tables_of_every_class_and_order() {
        for spec in ModuleSpec::new("m").on_each_machine() {
            let long = "n".repeat(300);
            let spec = spec.version("module_layout", 0xdead_beef).version(".dot", 2);
            let file = spec.build();
            let module = Module::parse(&file).unwrap();
            let versions = module.versions().unwrap().unwrap();
            let fields = module.version_fields().unwrap();
            let cut = fields.map(|(crc, name)| Version { name: bytes::until_nul(name), crc });
            assert_eq!(cut.collect::<Vec<_>>(), versions);
            let module_layout = Version { name: b"module_layout", crc: 0xdead_beef };
            assert_eq!(versions, [module_layout, Version { name: b".dot", crc: 2 }]);
            let file = spec.ext_version(&long, 9).ext_version("module_layout", 3).build();
            let versions = Module::parse(&file).unwrap().versions().unwrap().unwrap();
            let long = Version { name: long.as_bytes(), crc: 9 };
            assert_eq!(versions, [long, Version { name: b"module_layout", crc: 3 }]);
        }
    }

    #[test]
    fn absent_and_malformed() {
        let versions = |spec: ModuleSpec| {
            let file = spec.build();
            Module::parse(&file).unwrap().versions().map(|v| v.map(|v| v.len()))
        };
        assert_eq!(versions(ModuleSpec::new("m")), Ok(None));
        assert_eq!(versions(ModuleSpec::new("m").section("__versions", [])), Ok(Some(0)));
        let odd = ModuleSpec::new("m").section("__versions", [0; 65]);
        assert!(Module::parse(&odd.build()).unwrap().version_fields().is_none());
        assert!(versions(odd).is_err());
        let crcs = ModuleSpec::new("m").section("__version_ext_crcs", [0; 8]);
        assert_eq!(versions(crcs.clone().version("a", 1)), Ok(Some(1)));
        assert!(versions(crcs.clone().section("__version_ext_names", b"a\0")).is_err());
        assert!(versions(crcs.clone().section("__version_ext_names", b"a\0b")).is_err());
        assert_eq!(versions(crcs.section("__version_ext_names", b"a\0b\0")), Ok(Some(2)));
        let odd = ModuleSpec::new("m").section("__version_ext_crcs", [0; 7]);
        assert!(versions(odd.section("__version_ext_names", b"a\0")).is_err());
    }
}
