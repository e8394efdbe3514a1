//! Packed modules: each codec behind its wrapper, with a bound.

use komod_file::{Compression, Error, decompress, kernel_may_refuse};

use crate::{Limits, Target, seeds};

/// The most that an input may unpack to here, in bytes.
const BOUND: u64 = 1 << 20;

/// A header may name a window of the decoder's, up to what the largest module may have
/// (1 GiB): it is asked for in one piece, and used no further than bytes come out.
const WINDOW: Limits = Limits { request: (1 << 30) + (4 << 20), ..Limits::PROMISED };

pub const GZIP: Target = Target {
    limits: Limits::PROMISED,
    ..target(
        ["gzip", "a gzip module"],
        |input| unpack(input, Compression::Gzip),
        seeds::gzip,
        &[b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x1f"],
    )
};

pub const XZ: Target = target(
    ["xz", "an xz module"],
    |input| unpack(input, Compression::Xz),
    seeds::xz,
    &[b"\xfd7zXZ\0", b"YZ", b"\0\0\0\0", b"\x21\x01\x16"],
);

pub const ZSTD: Target = target(
    ["zstd", "a zstd module"],
    |input| unpack(input, Compression::Zstd),
    seeds::zstd,
    &[b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"],
);

pub const BY_MAGIC: Target = target(
    ["packed", "a module packed as its first bytes say"],
    |input| unpack(input, Compression::of_magic(input)),
    seeds::packed,
    &[b"\x1f\x8b\x08\x00", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x7fELF"],
);

const fn target(
    [name, reads]: [&'static str; 2],
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    words: &'static [&'static [u8]],
) -> Target {
    Target { name, reads, run, seeds, longest: 16 << 10, words, limits: WINDOW }
}

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
