use crate::decompress::{Contexts, decompress_with};
use crate::{Compression, DEFAULT_LIMIT, Error, ModuleFile};

/// Reads and unpacks many files one after another: memory for packed bytes and
/// the decoders' states are used again, as fresh memory for each costs more than a small
/// module's bytes.
#[derive(Default)]
pub struct Unpacker {
    packed: Vec<u8>,
    contexts: Contexts,
}

/// So many bytes of packed modules stay in memory for the next file; very few modules
/// have more.
const KEPT: usize = 1 << 20;

impl Unpacker {
    /// All bytes of `file`, unpacked, into a buffer that is cleared first and keeps its
    /// capacity; up to [`DEFAULT_LIMIT`].
    pub fn contents_into(&mut self, file: &ModuleFile, out: &mut Vec<u8>) -> Result<(), Error> {
        self.contents_up_to(DEFAULT_LIMIT, file, out)
    }

    /// As [`Unpacker::contents_into`], where neither the file nor what is in it may have
    /// more than `limit` bytes: [`Error::TooLarge`] then, and no more was in memory.
    pub fn contents_up_to(
        &mut self,
        limit: u64,
        file: &ModuleFile,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if file.file().is_some() && file.compression() == Compression::Plain {
            return file.stored(limit, out).map(drop);
        }
        let done = file.stored(limit, &mut self.packed).and_then(|stored| {
            decompress_with(stored, file.compression(), limit, out, &mut self.contexts)
        });
        if self.packed.capacity() > KEPT {
            self.packed = Vec::new();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Packing, pack};

    #[test]
    fn a_smaller_bound_holds_for_the_file_too() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("a.ko");
        let (mut unpacker, mut out) = (Unpacker::default(), Vec::new());
        let text: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 9) as u8).collect();
        for packing in [Packing::Plain, Packing::Xz, Packing::Zstd, Packing::Gzip] {
            let packed = pack(&text, packing);
            for (limit, enough) in [(100_000, true), (99_999, false), (1000, false)] {
                std::fs::write(&path, &packed).expect("a scratch file");
                let file = ModuleFile::open(&path).expect("long enough");
                let mut new = Vec::new();
                let done = unpacker.contents_up_to(limit, &file, &mut new);
                match done {
                    Ok(()) => assert!(enough && new == text, "{packing:?}"),
                    Err(Error::TooLarge { limit: told, .. }) => assert!(!enough && told == limit),
                    Err(other) => panic!("{packing:?}: {other}"),
                }
                assert!(new.capacity() as u64 <= limit + 1, "{packing:?} {limit}");
                unpacker.contents_into(&file, &mut out).expect("a sound file");
                assert!(out == text, "{packing:?}");
            }
        }
    }

    #[test]
    fn nothing_of_a_file_is_left_for_the_next() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("a.ko");
        let (mut unpacker, mut out) = (Unpacker::default(), Vec::new());
        let packings =
            [Packing::Zstd, Packing::Plain, Packing::Xz, Packing::ZstdUnsized, Packing::Gzip];
        for size in [3_000_000, 10, 100_000, 6] {
            let text: Vec<u8> = (0..size).map(|n: u32| (n.wrapping_mul(n) >> 9) as u8).collect();
            for packing in packings {
                let mut packed = pack(&text, packing);
                std::fs::write(&path, &packed).expect("a scratch file");
                let file = ModuleFile::open(&path).expect("long enough");
                unpacker.contents_into(&file, &mut out).expect("a sound file");
                assert!(out == text, "{packing:?} {size}");
                if packing != Packing::Plain {
                    packed.truncate(packed.len() / 2 + 4);
                    std::fs::write(&path, &packed).expect("a scratch file");
                    let file = ModuleFile::open(&path).expect("long enough");
                    assert!(unpacker.contents_into(&file, &mut out).is_err(), "{packing:?}");
                }
            }
        }
    }
}
