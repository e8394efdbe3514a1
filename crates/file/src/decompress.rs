use std::io;

use crate::{Compression, Error, gzip, xz, zstd};

/// Default bound of what a file may unpack to, in bytes. The largest module of a
/// distribution has about 30 MiB, with debug information about 500.
pub const DEFAULT_LIMIT: u64 = 1 << 30;

/// Unpacks `packed` into `out`, which is cleared first and keeps its capacity.
///
/// Several gzip members, xz streams or zstd frames one after another come out as
/// one. An error if the bytes are damaged or cut short, or unpack to more than
/// `limit` bytes; `out` then holds nothing of use.
pub fn decompress(
    packed: &[u8],
    compression: Compression,
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    decompress_with(packed, compression, limit, out, &mut Contexts::default())
}

/// The decoders' states, which one call after another may use.
#[derive(Default)]
pub(crate) struct Contexts {
    gzip: gzip::Context,
    xz: xz::Context,
    zstd: zstd::Context,
}

/// As [`decompress`], with states that may have been used before.
pub(crate) fn decompress_with(
    packed: &[u8],
    compression: Compression,
    limit: u64,
    out: &mut Vec<u8>,
    contexts: &mut Contexts,
) -> Result<(), Error> {
    out.clear();
    let mut output = Output::new(out, limit);
    match compression {
        Compression::Plain => {
            output.expect_more(packed.len() as u64)?;
            output.allows(packed.len() as u64)?;
            output.bytes.extend_from_slice(packed);
            Ok(())
        }
        Compression::Gzip => gzip::decompress(packed, &mut output, &mut contexts.gzip),
        Compression::Xz => xz::decompress(packed, &mut output, &mut contexts.xz),
        Compression::Zstd => zstd::decompress(packed, &mut output, &mut contexts.zstd),
    }
}

/// Where a codec writes: grows as memory and the bound allow.
pub(crate) struct Output<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    limit: u64,
}

impl<'a> Output<'a> {
    /// Appends to `bytes`, which shall never hold more than `limit`.
    pub(crate) fn new(bytes: &'a mut Vec<u8>, limit: u64) -> Self {
        Self { bytes, limit }
    }

    /// Reserves for `size` bytes that a header promises, up to the bound; an error
    /// if there is no such memory. A caller guards against absurd promises.
    pub(crate) fn expect_more(&mut self, size: u64) -> Result<(), Error> {
        let size = usize::try_from(size.min(self.limit)).unwrap_or(usize::MAX);
        self.bytes.try_reserve_exact(size).map_err(|_| out_of_memory())
    }

    /// Makes room for at least one byte more; an error if what is there exceeds the
    /// bound or memory is short. The length doubles, so that each byte moves a
    /// bounded number of times.
    pub(crate) fn make_room(&mut self) -> Result<(), Error> {
        self.within_limit()?;
        let length = self.bytes.len() as u64;
        if self.bytes.len() < self.bytes.capacity() {
            return Ok(());
        }
        // One byte past the bound, so that going over it shows.
        let left = self.limit.saturating_sub(length).saturating_add(1);
        let more = length.clamp(64 << 10, 1 << 40).min(left);
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        self.bytes.try_reserve_exact(more).map_err(|_| out_of_memory())
    }

    /// An error if more is there than the bound allows.
    pub(crate) fn within_limit(&self) -> Result<(), Error> {
        self.allows(self.bytes.len() as u64)
    }

    /// An error if `size` bytes are more than the bound allows.
    pub(crate) fn allows(&self, size: u64) -> Result<(), Error> {
        let limit = self.limit;
        if size > limit { Err(Error::TooLarge { found: size, limit }) } else { Ok(()) }
    }
}

pub(crate) fn out_of_memory() -> Error {
    Error::Io(io::Error::from(io::ErrorKind::OutOfMemory))
}

/// Whether `promised` bytes may come out of `packed` ones. No codec is held to it:
/// beyond it memory is just not reserved before the bytes are there.
pub(crate) fn plausible(promised: u64, packed: usize) -> bool {
    promised <= (packed as u64).saturating_mul(64).saturating_add(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Packing, pack};

    const ALL: [(Packing, Compression); 8] = [
        (Packing::Plain, Compression::Plain),
        (Packing::Gzip, Compression::Gzip),
        (Packing::Xz, Compression::Xz),
        (Packing::XzCrc64, Compression::Xz),
        (Packing::Zstd, Compression::Zstd),
        (Packing::ZstdUnsized, Compression::Zstd),
        (Packing::ZstdLong, Compression::Zstd),
        (Packing::XzWide, Compression::Xz),
    ];

    /// Compresses by about a half, in no simple pattern.
    fn text(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        (0..size)
            .map(|_| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
                (state >> 28) as u8
            })
            .collect()
    }

    fn unpack(packed: &[u8], compression: Compression) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        decompress(packed, compression, DEFAULT_LIMIT, &mut out).map(|()| out)
    }

    #[test]
    fn every_packing_and_size_comes_back() {
        for size in [0, 1, 5, 1000, 65_535, 65_536, 65_537, 300_000] {
            let text = text(size);
            for (packing, compression) in ALL {
                let packed = pack(&text, packing);
                let back = unpack(&packed, compression).expect("a sound file");
                assert!(back == text, "{packing:?} {size}");
            }
        }
    }

    #[test]
    fn what_compresses_beyond_plausible_comes_back() {
        let zeros = vec![0; 20 << 20];
        for (packing, compression) in ALL {
            let back = unpack(&pack(&zeros, packing), compression).expect("a sound file");
            assert!(back == zeros, "{packing:?}");
        }
    }

    #[test]
    fn streams_one_after_another_are_one() {
        for (packing, compression) in ALL {
            let packed = [pack(b"first ", packing), pack(b"second", packing)].concat();
            let back = unpack(&packed, compression).expect("two sound streams");
            assert_eq!(back, b"first second", "{packing:?}");
        }
        let mixed = [pack(b"1", Packing::Zstd), pack(b"2", Packing::ZstdUnsized)].concat();
        assert_eq!(unpack(&mixed, Compression::Zstd).expect("two sound frames"), b"12");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let text = text(3000);
        for (packing, compression) in ALL.into_iter().skip(1) {
            let packed = pack(&text, packing);
            for end in 0..packed.len() {
                // A zstd frame's end is also a file's end, but none is here before the last byte.
                let back = unpack(&packed[..end], compression);
                assert!(matches!(back, Err(Error::Corrupt { .. })), "{packing:?} {end}: {back:?}");
            }
        }
    }

    #[test]
    fn no_flipped_byte_gives_other_bytes() {
        let text = text(3000);
        for (packing, compression) in ALL.into_iter().skip(1) {
            let packed = pack(&text, packing);
            for at in 0..packed.len() {
                for mask in [1, 0x55, 0xff] {
                    let mut bytes = packed.clone();
                    bytes[at] ^= mask;
                    // Some header fields mean nothing to the content (gzip's time).
                    if let Ok(back) = unpack(&bytes, compression) {
                        assert!(back == text || back.is_empty(), "{packing:?} {at} {mask}");
                    }
                }
            }
        }
    }

    #[test]
    fn bound_is_exact() {
        let text = text(100_000);
        for (packing, compression) in ALL {
            let packed = pack(&text, packing);
            let mut out = Vec::new();
            decompress(&packed, compression, 100_000, &mut out).expect("just fits");
            assert_eq!(out.len(), 100_000);
            let over = decompress(&packed, compression, 99_999, &mut Vec::new());
            assert!(matches!(over, Err(Error::TooLarge { limit: 99_999, .. })), "{packing:?}");
            // A buffer that is large already does not lift the bound.
            let over = decompress(&packed, compression, 99_999, &mut out);
            assert!(matches!(over, Err(Error::TooLarge { .. })), "{packing:?}");
        }
    }

    #[test]
    fn absurd_promises_reserve_nothing() {
        // A zstd header promising 2^62 bytes, and half of a real frame behind it.
        let mut packed = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        packed.extend((1_u64 << 62).to_le_bytes());
        packed.extend([1, 0, 0]);
        let mut out = Vec::new();
        let back = decompress(&packed, Compression::Zstd, u64::MAX, &mut out);
        assert!(matches!(back, Err(Error::Corrupt { .. })), "{back:?}");
        assert!(out.capacity() < 1 << 20);
    }
}
