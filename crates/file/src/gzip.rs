use flate2::{Decompress, FlushDecompress, Status};

use crate::decompress::{Output, plausible};
use crate::{DEFAULT_LIMIT, Error};

/// Unpacks gzip members. What follows the last one and is no member (padding,
/// rubbish) is passed over, as gzip itself and zlib's file reader do.
pub(crate) fn decompress(packed: &[u8], output: &mut Output<'_>) -> Result<(), Error> {
    if let Some(size) = last_member_size(packed).filter(|size| plausible(*size, packed.len())) {
        // One more: a full buffer cannot tell "finished" from "more to come".
        output.expect_more(size.saturating_add(1))?;
    }
    let mut rest = packed;
    loop {
        rest = member(rest, output)?;
        if !rest.starts_with(&[0x1f, 0x8b]) {
            return Ok(());
        }
    }
}

/// Whether a sound member is followed by another.
pub(crate) fn has_several_members(packed: &[u8]) -> bool {
    let mut first = Vec::new();
    let rest = member(packed, &mut Output::new(&mut first, DEFAULT_LIMIT));
    rest.is_ok_and(|rest| rest.starts_with(&[0x1f, 0x8b]))
}

/// Unpacks one member and returns what follows it.
fn member<'a>(packed: &'a [u8], output: &mut Output<'_>) -> Result<&'a [u8], Error> {
    let mut decoder = Decompress::new_gzip(15);
    let mut rest = packed;
    loop {
        output.make_room()?;
        let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
        let status = decoder
            .decompress_vec(rest, output.bytes, FlushDecompress::None)
            .map_err(|error| corrupt(error.message().unwrap_or("data error")))?;
        let read = decoder.total_in().saturating_sub(before_in);
        rest = usize::try_from(read).ok().and_then(|read| rest.get(read..)).unwrap_or_default();
        output.within_limit()?;
        if status == Status::StreamEnd {
            return Ok(rest);
        }
        if read == 0 && decoder.total_out() == before_out {
            return Err(corrupt("unexpected end of file"));
        }
    }
}

/// The ISIZE field at the very end: the last member's size modulo 2^32.
fn last_member_size(packed: &[u8]) -> Option<u64> {
    packed.last_chunk::<4>().map(|size| u64::from(u32::from_le_bytes(*size)))
}

fn corrupt(message: &str) -> Error {
    Error::Corrupt { codec: "gzip", message: message.into() }
}

#[cfg(test)]
mod tests {
    use crate::{Compression, DEFAULT_LIMIT};
    use komod_fixtures::{Packing, pack};

    fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        crate::decompress(packed, Compression::Gzip, DEFAULT_LIMIT, &mut out)
            .map(|()| out)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn padding_behind_the_members_is_passed_over() {
        let packed = [pack(b"text", Packing::Gzip), vec![0; 512]].concat();
        assert_eq!(unpack(&packed), Ok(b"text".to_vec()));
    }

    #[test]
    fn words_are_zlibs() {
        let packed = pack(b"some text", Packing::Gzip);
        let cut = &packed[..packed.len() - 3];
        assert_eq!(unpack(cut), Err("gzip: unexpected end of file".into()));
        let mut wrong = packed.clone();
        let check = wrong.len() - 8;
        wrong[check] ^= 1;
        assert_eq!(unpack(&wrong), Err("gzip: incorrect data check".into()));
    }
}
