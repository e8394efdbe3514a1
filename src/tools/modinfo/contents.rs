//! The bytes of module files, one file after another in the same memory.
//!
//! A plain file is read in parts: what says something of the module is a few
//! kilobytes of hundreds.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use komod_cache::{Key, Place, Tale, Told, name_of};
use komod_elf::{Outline, Signature};
use komod_file::{Compression, Error, ModuleFile};

use crate::tools::depmod::TOLD;

/// An ELF header is no longer.
const HEADER: usize = 64;
/// The section names lie this close before the section headers.
const NAMES: usize = 4096;
/// What is larger is read in whole: memory for its size is not taken on trust.
const LARGEST: usize = 64 << 20;

/// Memory for one file at a time.
#[derive(Debug, Default)]
pub(super) struct Contents<'o> {
    bytes: Vec<u8>,
    /// Where depmod keeps what packed modules tell, and of which directory, until one is
    /// asked for.
    kept_in: Option<(&'o Path, &'o Path)>,
    told: [Option<Told>; 2],
}

/// What a file says.
pub(super) enum Said<'a> {
    /// Its decompressed bytes. In those of a plain one only what
    /// [`komod_elf::Module::modinfo`] and [`Signature::of`] read is true.
    Bytes(&'a [u8]),
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
        self.unpacked(file).map(Said::Bytes)
    }

    fn unpacked(&mut self, file: &ModuleFile) -> Result<&[u8], Error> {
        let plain = file.file().filter(|_| file.compression() == Compression::Plain);
        if let Some(size) = plain.and_then(|file| self.read_parts(file)) {
            return Ok(self.bytes.get(..size).unwrap_or_default());
        }
        file.contents_into(&mut self.bytes)?;
        Ok(&self.bytes)
    }

    /// Reads the parts and returns the file's size; `None` when anything is out of
    /// the ordinary, for the whole file to tell.
    fn read_parts(&mut self, file: &File) -> Option<usize> {
        let size = usize::try_from(file.metadata().ok()?.len()).ok()?;
        if !(HEADER..LARGEST).contains(&size) {
            return None;
        }
        if self.bytes.len() < size {
            self.bytes.try_reserve_exact(size.saturating_sub(self.bytes.len())).ok()?;
            self.bytes.resize(size, 0);
        }
        let bytes = self.bytes.get_mut(..size)?;
        fill(file, bytes, 0..HEADER)?;
        let headers = usize::try_from(Outline::headers(bytes)?.start).ok()?;
        // From the names to the end: the section headers and a signature.
        let tail = headers.saturating_sub(NAMES);
        fill(file, bytes, tail..size)?;
        let outline = Outline::of(bytes)?;
        if usize::try_from(outline.names.start).ok()? < tail {
            return None;
        }
        let Range { start, end } = outline.modinfo?;
        fill(file, bytes, usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
        // One that begins before the tail was not seen in whole.
        let tail = bytes.get(tail..)?;
        if tail.ends_with(b"signature appended~\n") && Signature::of(tail).is_none() {
            return None;
        }
        Some(size)
    }
}

fn fill(file: &File, bytes: &mut [u8], part: Range<usize>) -> Option<()> {
    let offset = part.start as u64;
    file.read_exact_at(bytes.get_mut(part)?, offset).ok()
}

#[cfg(test)]
mod tests {
    use komod_elf::Module;
    use komod_fixtures::{ModuleSpec, Pkcs7, Signed};

    use super::*;

    /// What the same memory holds of each of these files in turn.
    fn read(files: &[Vec<u8>]) -> Vec<Option<usize>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.ko");
        let mut contents = Contents::default();
        let mut in_parts = Vec::new();
        for bytes in files {
            std::fs::write(&path, bytes).unwrap();
            in_parts.push(contents.read_parts(&File::open(&path).unwrap()));
            let Ok(file) = ModuleFile::open(&path) else { continue };
            let found = contents.unpacked(&file).unwrap();
            assert_eq!(found.len(), bytes.len());
            assert_eq!(Signature::of(found), Signature::of(bytes));
            match (Module::parse(found), Module::parse(bytes)) {
                (Ok(found), Ok(whole)) => {
                    assert_eq!(found.modinfo().unwrap(), whole.modinfo().unwrap());
                }
                (found, whole) => assert_eq!(found.is_err(), whole.is_err()),
            }
        }
        in_parts
    }

    /// A module with much that nobody asks for.
    fn large(name: &str) -> ModuleSpec {
        (0..3000)
            .fold(ModuleSpec::new(name), |spec, number| spec.export(&format!("f{number}"), number))
    }

    #[test]
    fn parts_tell_the_same_as_the_whole() {
        let signed = Signed::Pkcs7(Pkcs7::by("A key", &[0, 0xab, 1], &[7; 30]));
        let files =
            [large("a").build(), large("b").signed(signed).build(), ModuleSpec::new("c").build()];
        let in_parts = read(&files);
        assert_eq!(in_parts, files.iter().map(|file| Some(file.len())).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_odd_is_read_in_whole() {
        let whole = large("a").modinfo("license", "GPL").build();
        // A signature that claims all the file before it.
        let mut claims = whole.clone();
        let length = u32::try_from(whole.len() - 100).unwrap().to_be_bytes();
        claims.extend([&[1, 4, 1, 0, 0, 0, 0, 0][..], &length].concat());
        claims.extend(b"~Module signature appended~\n");
        let bare = large("a").without_modinfo().build();
        assert_eq!(read(&[claims, bare, vec![0x7f; 70], b"\x7fELF!".to_vec()]), [None; 4]);
        let cuts: Vec<_> = (0..whole.len()).step_by(997).map(|at| whole[..at].to_vec()).collect();
        assert!(read(&cuts).iter().all(Option::is_none));
    }
}
