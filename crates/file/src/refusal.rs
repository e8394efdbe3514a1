//! What the kernel's decompressors cannot read of what their formats allow.

use zstd::zstd_safe::find_frame_compressed_size;

use crate::{Compression, gzip, xz};

/// Whether a kernel that decompresses modules itself (`kernel/module/decompress.c`)
/// may refuse these bytes, though they are sound. By their headers: no common
/// packer of modules makes such files by default, but for `xz` without
/// `--check=crc32`.
///
/// | packing | the kernel may not read |
/// |---|---|
/// | gzip | header fields other than a file's name; members behind the first |
/// | xz | a check other than CRC32; filters other than LZMA2; a dictionary of more than 64 MiB (`xz -9`), for which it may lack memory; streams behind the first |
/// | zstd | a window of more than 128 MiB; frames behind the first |
///
/// What stands behind the first stream it leaves out without a word; the rest it
/// refuses as invalid. False for bytes whose headers are damaged: nobody reads
/// those, and for [`Compression::Plain`].
pub fn kernel_may_refuse(packed: &[u8], compression: Compression) -> bool {
    let unusual = match compression {
        Compression::Plain => None,
        Compression::Gzip => gzip_is_unusual(packed),
        Compression::Xz => xz_is_unusual(packed),
        Compression::Zstd => zstd_is_unusual(packed),
    };
    unusual.unwrap_or(false)
}

/// RFC 1952, 2.3: flags are at 3. The kernel skips the file's name (8) and does not
/// look for the others: checksum of the header (2), extra field (4), comment (16).
fn gzip_is_unusual(packed: &[u8]) -> Option<bool> {
    const TEXT_AND_NAME: u8 = 1 | 8;
    let more_fields = packed.get(3)? & !TEXT_AND_NAME != 0;
    Some(more_fields || gzip::has_several_members(packed))
}

/// The .xz File Format 1.2, sections 2.1.1 and 3.1.
fn xz_is_unusual(packed: &[u8]) -> Option<bool> {
    const CRC32: u8 = 1;
    const ONE_FILTER: u8 = 0;
    const LZMA2: u64 = 0x21;
    if *packed.get(7)? > CRC32 || xz::has_several_streams(packed) {
        return Some(true);
    }
    let (flags, mut filters) = packed.get(13..)?.split_first()?;
    // A first block that is none is the index of an empty file.
    if *packed.get(12)? == 0 {
        return Some(false);
    }
    for size in [0x40, 0x80] {
        if flags & size != 0 {
            xz::number(&mut filters)?;
        }
    }
    if flags & 0x3f != ONE_FILTER || xz::number(&mut filters)? != LZMA2 {
        return Some(true);
    }
    let [1, dictionary, ..] = filters else { return None };
    // 2 or 3 times a power of two, beginning with 4 KiB; 28 stands for 64 MiB.
    Some(*dictionary > 28)
}

/// RFC 8878, 3.1.1.1: a frame without the flag of a single segment names its window.
fn zstd_is_unusual(packed: &[u8]) -> Option<bool> {
    const SINGLE_SEGMENT: u8 = 0x20;
    /// The largest that a decompressor takes which was told no other.
    const LARGEST: u64 = 1 << 27;
    let first = find_frame_compressed_size(packed).ok()?;
    if first < packed.len() {
        return Some(true);
    }
    if packed.get(4)? & SINGLE_SEGMENT != 0 {
        return Some(false);
    }
    let descriptor = packed.get(5)?;
    // The upper five bits are a power of two from 10 on, the lower three its eighths.
    let eighth = 1_u64 << (descriptor >> 3) << 7;
    Some(eighth.saturating_mul(8 | u64::from(descriptor & 7)) > LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Packing, pack};

    fn refused(packing: Packing, compression: Compression) -> bool {
        kernel_may_refuse(&pack(&b"some bytes ".repeat(40), packing), compression)
    }

    #[test]
    fn what_packers_of_modules_make_is_usual() {
        assert!(!refused(Packing::Plain, Compression::Plain));
        assert!(!refused(Packing::Gzip, Compression::Gzip));
        assert!(!refused(Packing::Xz, Compression::Xz));
        assert!(!refused(Packing::Zstd, Compression::Zstd));
        assert!(!refused(Packing::ZstdUnsized, Compression::Zstd));
        assert!(!kernel_may_refuse(&pack(b"", Packing::Xz), Compression::Xz));
    }

    #[test]
    fn what_the_kernel_does_not_know_is_told() {
        assert!(refused(Packing::XzCrc64, Compression::Xz));
        assert!(refused(Packing::XzWide, Compression::Xz));
        assert!(refused(Packing::XzTwoStreams, Compression::Xz));
        assert!(refused(Packing::ZstdLong, Compression::Zstd));
    }

    #[test]
    fn members_and_frames_are_counted() {
        for (packing, compression) in
            [(Packing::Gzip, Compression::Gzip), (Packing::Zstd, Compression::Zstd)]
        {
            let one = pack(b"some bytes", packing);
            assert!(kernel_may_refuse(&one.repeat(2), compression), "{packing:?}");
        }
        // The kernel stops at a stream's end: padding does not matter to it.
        let padded = [pack(b"text", Packing::Xz), vec![0; 8]].concat();
        assert!(!kernel_may_refuse(&padded, Compression::Xz));
    }

    #[test]
    fn fields_of_a_gzip_header() {
        for (flag, unusual) in [(1, false), (2, true), (4, true), (8, false), (16, true)] {
            let mut packed = pack(b"text", Packing::Gzip);
            packed[3] = flag;
            assert_eq!(kernel_may_refuse(&packed, Compression::Gzip), unusual, "{flag}");
        }
    }

    #[test]
    fn filters_of_an_xz_block() {
        // Delta before LZMA2; x86 before it; sizes before a plain filter.
        for (header, unusual) in [
            (&[2, 1, 3, 1, 0, 0x21, 1, 22][..], true),
            (&[2, 1, 4, 0, 0x21, 1, 22], true),
            (&[2, 0, 0x21, 1, 28], false),
            (&[2, 0, 0x21, 1, 29], true),
            (&[2, 0xc0, 0x80, 1, 5, 0x21, 1, 22], false),
            (&[2, 0x10, 0x21, 1, 22], true),
        ] {
            let packed = [&b"\xfd7zXZ\0\0\x01\0\0\0\0"[..], header].concat();
            assert_eq!(kernel_may_refuse(&packed, Compression::Xz), unusual, "{header:?}");
        }
    }

    #[test]
    fn every_truncation_has_an_answer() {
        for (packing, compression) in [
            (Packing::Gzip, Compression::Gzip),
            (Packing::Xz, Compression::Xz),
            (Packing::XzTwoStreams, Compression::Xz),
            (Packing::ZstdLong, Compression::Zstd),
        ] {
            let packed = pack(b"some bytes", packing);
            for end in 0..packed.len() {
                kernel_may_refuse(&packed[..end], compression);
            }
        }
    }
}
