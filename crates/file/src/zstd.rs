use zstd::zstd_safe::{
    DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, find_frame_compressed_size, get_error_name,
    get_frame_content_size,
};

use crate::decompress::{Output, out_of_memory, plausible};
use crate::{DEFAULT_LIMIT, Error};

/// A decoder's state, made when it is first wanted.
#[derive(Default)]
pub(crate) struct Context(Option<DCtx<'static>>);

/// Unpacks zstd frames, whether they name their content's size or not.
///
/// With all sizes known it takes one call over one buffer, as kmod does it (its
/// error texts with it); else the frames are streamed, which kmod refuses to do.
///
/// `context` serves the one call. It begins anew with each, also after an error.
pub(crate) fn decompress(
    packed: &[u8],
    output: &mut Output<'_>,
    context: &mut Context,
) -> Result<(), Error> {
    let size = named_size(packed)?;
    if let Some(size) = size {
        output.allows(size)?;
    }
    match size.filter(|size| plausible(*size, packed.len())) {
        Some(size) => {
            output.expect_more(size)?;
            let context = match &mut context.0 {
                Some(used) => used,
                none => none.insert(DCtx::try_create().ok_or_else(out_of_memory)?),
            };
            context.decompress(output.bytes, packed).map_err(failure)?;
            output.within_limit()
        }
        None => stream(packed, output),
    }
}

fn stream(packed: &[u8], output: &mut Output<'_>) -> Result<(), Error> {
    /// As a power of two: no more than a module may have bytes.
    const LARGEST_WINDOW: u32 = DEFAULT_LIMIT.ilog2();
    let mut context = DCtx::try_create().ok_or_else(out_of_memory)?;
    context.set_parameter(DParameter::WindowLogMax(LARGEST_WINDOW)).map_err(failure)?;
    let mut input = InBuffer::around(packed);
    // Where the frame at hand begins, in both.
    let mut begin = (0, output.bytes.len());
    loop {
        output.make_room()?;
        let (before, filled) = (input.pos, output.bytes.len());
        let mut buffer = OutBuffer::around_pos(output.bytes, filled);
        let wanted = context.decompress_stream(&mut buffer, &mut input).map_err(failure)?;
        output.within_limit()?;
        if wanted == 0 {
            // libzstd overlooks that an empty last block comes too early, as long as there is
            // not yet room for the whole frame.
            let frame = packed.get(begin.0..).unwrap_or_default();
            let size = output.bytes.len().saturating_sub(begin.1) as u64;
            if get_frame_content_size(frame).is_ok_and(|named| named.is_some_and(|n| n != size)) {
                return Err(corrupt("Data corruption detected"));
            }
            if input.pos >= packed.len() {
                return Ok(());
            }
            begin = (input.pos, output.bytes.len());
        }
        if input.pos == before && output.bytes.len() == filled {
            return Err(corrupt("Src size is incorrect"));
        }
    }
}

/// Sum of the content sizes that the frame headers name; `None` if one does not.
/// An error if the first frame's header cannot be read. Damage further on ends the
/// count: decompressing will find it and say what it is.
fn named_size(packed: &[u8]) -> Result<Option<u64>, Error> {
    let mut total = 0_u64;
    let mut rest = packed;
    loop {
        match get_frame_content_size(rest) {
            Ok(None) => return Ok(None),
            Ok(Some(size)) => total = total.saturating_add(size),
            Err(_) if rest.len() == packed.len() => {
                return Err(corrupt("Failed to determine decompression size"));
            }
            Err(_) => return Ok(Some(total)),
        }
        let next = find_frame_compressed_size(rest).ok().filter(|length| *length > 0);
        rest = next.and_then(|length| rest.get(length..)).unwrap_or_default();
        if rest.is_empty() {
            return Ok(Some(total));
        }
    }
}

fn failure(code: ErrorCode) -> Error {
    /// `ZSTD_error_memory_allocation` (zstd_errors.h).
    const MEMORY_ALLOCATION: ErrorCode = 64;
    if code.wrapping_neg() == MEMORY_ALLOCATION {
        return out_of_memory();
    }
    corrupt(get_error_name(code))
}

fn corrupt(message: &str) -> Error {
    Error::Corrupt { codec: "zstd", message: message.into() }
}

#[cfg(test)]
mod tests {
    use crate::{Compression, DEFAULT_LIMIT};
    use komod_fixtures::{Packing, pack};

    #[test]
    fn memory_that_is_not_there_is_no_damage() {
        assert_eq!(super::failure(64_usize.wrapping_neg()).raw_os_error(), 12);
        assert_eq!(super::failure(20_usize.wrapping_neg()).raw_os_error(), 22);
    }

    fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        crate::decompress(packed, Compression::Zstd, DEFAULT_LIMIT, &mut out)
            .map(|()| out)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn skippable_frames_are_skipped() {
        let note = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, b'n', b'o', b't', b'e'];
        for packing in [Packing::Zstd, Packing::ZstdUnsized] {
            let packed = [pack(b"text", packing), note.to_vec()].concat();
            assert_eq!(unpack(&packed), Ok(b"text".to_vec()), "{packing:?}");
        }
    }

    #[test]
    fn a_frame_that_ends_too_early_is_damaged_whatever_room_there_is() {
        // 100,000 bytes are named, and an empty block is the last one.
        let short = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xa0, 0x86, 1, 0, 1, 0, 0];
        let packed = [&short[..], &pack(b"text", Packing::ZstdUnsized)].concat();
        for room in [0, 1 << 20] {
            let mut out = Vec::with_capacity(room);
            let error = crate::decompress(&packed, Compression::Zstd, DEFAULT_LIMIT, &mut out)
                .expect_err("damaged");
            assert_eq!(error.to_string(), "zstd: Data corruption detected", "{room}");
        }
    }

    #[test]
    fn words_are_kmods() {
        let packed = pack(&b"some text ".repeat(20), Packing::Zstd);
        let words = |bytes: &[u8]| unpack(bytes).expect_err("damaged");
        assert_eq!(words(&packed[..5]), "zstd: Failed to determine decompression size");
        assert_eq!(words(&packed[..packed.len() / 2]), "zstd: Src size is incorrect");
        assert_eq!(
            words(&packed[..packed.len() - 1]),
            "zstd: Restored data doesn't match checksum"
        );
        assert_eq!(words(&[&packed, &b"rubbish!!"[..]].concat()), "zstd: Src size is incorrect");
        let unsized_ = pack(b"some text", Packing::ZstdUnsized);
        assert_eq!(words(&unsized_[..unsized_.len() - 1]), "zstd: Src size is incorrect");
    }
}
