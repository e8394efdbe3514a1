//! The bytes of module files, one file after another in the same memory.
//!
//! A plain file is read in parts: what says something of the module is a few
//! kilobytes of hundreds.

use std::path::Path;

use komod_cache::{Key, Place, Tale, Told, name_of};
use komod_elf::{Excerpt, Module};
use komod_file::{Compression, Error, ModuleFile, Unpacker};

use crate::tools::depmod::TOLD;

/// Memory for one file at a time.
#[derive(Default)]
pub(super) struct Contents<'o> {
    bytes: Vec<u8>,
    unpacker: Unpacker,
    excerpt: Excerpt,
    /// Where depmod keeps what packed modules tell, and of which directory, until one is
    /// asked for.
    kept_in: Option<(&'o Path, &'o Path)>,
    told: [Option<Told>; 2],
}

/// What a file says.
pub(super) enum Said<'a> {
    /// Its decompressed bytes.
    Whole(&'a [u8]),
    /// What [`Module::modinfo`] reads of it, and the end of it that
    /// [`komod_elf::Signature::of`] reads.
    Parts(Module<'a>, &'a [u8]),
    /// What depmod has kept of them when it last unpacked them.
    Kept(Tale<'a>),
}

impl<'o> Contents<'o> {
    /// Who looks into `cache`, if anywhere, for what the packed modules of `directory`
    /// told.
    pub(super) fn new(cache: Option<&'o Path>, directory: &'o Path) -> Self {
        Self { kept_in: cache.map(|cache| (cache, directory)), ..Self::default() }
    }

    /// What a file says.
    pub(super) fn read(&mut self, file: &ModuleFile) -> Result<Said<'_>, Error> {
        if file.file().is_some() && file.compression() != Compression::Plain {
            if let Some((cache, directory)) = self.kept_in.take() {
                let (place, name) = (Place::open(cache), name_of(directory));
                let open = |ending| Told::open(place.as_ref()?, &format!("{name}.{ending}"));
                self.told = TOLD.map(open);
            }
            let key = Key::of(file.metadata());
            if self.told.iter().flatten().any(|told| told.read(&key, &mut self.bytes)) {
                return Ok(Said::Kept(Told::tale(&self.bytes)));
            }
        }
        self.unpacked(file)
    }

    fn unpacked(&mut self, file: &ModuleFile) -> Result<Said<'_>, Error> {
        let mut read = |offset, part: &mut [u8]| file.read_part(offset, part).is_ok();
        let size = file.plain_size();
        if let Some((module, end)) =
            size.and_then(|size| self.excerpt.read_modinfo(size, &mut read))
        {
            return Ok(Said::Parts(module, end));
        }
        self.unpacker.contents_into(file, &mut self.bytes)?;
        Ok(Said::Whole(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use komod_elf::Signature;
    use komod_fixtures::{ModuleSpec, Pkcs7, Signed};

    use super::*;

    /// Which of these files are read in parts, one after the other in the same memory.
    fn in_parts(files: &[Vec<u8>]) -> Vec<bool> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.ko");
        let mut contents = Contents::default();
        let mut read = |bytes: &Vec<u8>| {
            std::fs::write(&path, bytes).unwrap();
            let file = ModuleFile::open(&path).unwrap();
            match contents.unpacked(&file).unwrap() {
                Said::Parts(module, end) => {
                    assert_eq!(module.modinfo(), Module::parse(bytes).unwrap().modinfo());
                    assert_eq!(Signature::of(end), Signature::of(bytes));
                    true
                }
                Said::Whole(whole) => {
                    assert_eq!(whole, bytes);
                    false
                }
                Said::Kept(_) => panic!("nothing is kept"),
            }
        };
        files.iter().map(&mut read).collect()
    }

    /// A module with much that nobody asks for.
    fn large(name: &str) -> ModuleSpec {
        (0..3000)
            .fold(ModuleSpec::new(name), |spec, number| spec.export(&format!("f{number}"), number))
    }

    #[test]
    fn of_a_module_only_parts_are_read() {
        let signed = Signed::Pkcs7(Pkcs7::by("A key", &[0, 0xab, 1], &[7; 30]));
        let files =
            [large("a").build(), large("b").signed(signed).build(), ModuleSpec::new("c").build()];
        assert_eq!(in_parts(&files), [true; 3]);
    }

    #[test]
    fn what_is_odd_is_read_in_whole() {
        let whole = large("a").modinfo("license", "GPL").build();
        let odd = [vec![0x7f; 70], b"\x7fELF!!".to_vec(), whole[..5000].to_vec()];
        assert_eq!(in_parts(&odd), [false; 3]);
    }
}
