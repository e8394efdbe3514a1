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
        if file.file().is_some() && file.compression() == Compression::Plain {
            return file.stored(out).map(drop);
        }
        let stored = file.stored(&mut self.packed)?;
        let done =
            decompress_with(stored, file.compression(), DEFAULT_LIMIT, out, &mut self.contexts);
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
