//! Packed modules: each codec behind its wrapper, with a bound.

use komod_file::{Compression, Error, decompress, kernel_may_refuse};

use crate::{Limits, Target, seeds};

/// The most that an input may unpack to here, in bytes.
const BOUND: u64 = 1 << 20;

/// A header may name a window of the decoder's, up to what the largest module may have
/// (1 GiB): it is asked for in one piece, and used no further than bytes come out.
const WINDOW: Limits = Limits { request: (1 << 30) + (4 << 20), ..Limits::PROMISED };

pub const GZIP: Target = Target {
    name: "gzip",
    reads: "a gzip module",
    run: |input| unpack(input, Compression::Gzip),
    seeds: seeds::gzip,
    longest: 16 << 10,
    words: &[b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x1f"],
    limits: Limits::PROMISED,
};

pub const XZ: Target = Target {
    name: "xz",
    reads: "an xz module",
    run: |input| unpack(input, Compression::Xz),
    seeds: seeds::xz,
    longest: 16 << 10,
    words: &[b"\xfd7zXZ\0", b"YZ", b"\0\0\0\0", b"\x21\x01\x16"],
    limits: WINDOW,
};

pub const ZSTD: Target = Target {
    name: "zstd",
    reads: "a zstd module",
    run: |input| unpack(input, Compression::Zstd),
    seeds: seeds::zstd,
    longest: 16 << 10,
    words: &[b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"],
    limits: WINDOW,
};

pub const BY_MAGIC: Target = Target {
    name: "packed",
    reads: "a module packed as its first bytes say",
    run: |input| unpack(input, Compression::of_magic(input)),
    seeds: seeds::packed,
    longest: 16 << 10,
    words: &[b"\x1f\x8b\x08\x00", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x7fELF"],
    limits: WINDOW,
};

fn unpack(packed: &[u8], compression: Compression) {
    let _ = kernel_may_refuse(packed, compression);
    let mut out = Vec::new();
    match decompress(packed, compression, BOUND, &mut out) {
        Ok(()) => {
            let length = out.len() as u64;
            assert!(length <= BOUND, "unpacked past the bound");
            // The bound is exact, and a buffer that was used before changes nothing.
            let again = decompress(packed, compression, length, &mut out);
            assert!(again.is_ok() && out.len() as u64 == length, "{again:?}");
            if let Some(less) = length.checked_sub(1) {
                let refused = decompress(packed, compression, less, &mut out);
                assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
            }
        }
        Err(Error::TooLarge { limit, .. }) => assert_eq!(limit, BOUND),
        Err(Error::Corrupt { message, .. }) => assert!(!message.is_empty()),
        Err(error) => panic!("neither sound nor damaged: {error}"),
    }
}
