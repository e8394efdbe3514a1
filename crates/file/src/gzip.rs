use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::decompress::{Output, plausible};
use crate::{DEFAULT_LIMIT, Error};

/// What a member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A decoder for all members and files, made when it is first wanted: the memory of one
/// costs more than a small member.
#[derive(Default)]
pub(crate) struct Context(Option<Decompress>);

/// Unpacks gzip members. What follows the last one and is no member (padding,
/// rubbish) is passed over, as gzip itself and zlib's file reader do.
///
/// `context` serves the one call. It begins anew with each, also after an error.
pub(crate) fn decompress(
    packed: &[u8],
    output: &mut Output<'_>,
    context: &mut Context,
) -> Result<(), Error> {
    if let Some(size) = last_member_size(packed).filter(|size| plausible(*size, packed.len())) {
        // One more: a full buffer cannot tell "finished" from "more to come".
        output.expect_more(size.saturating_add(1))?;
    }
    let decoder = context.0.get_or_insert_with(|| Decompress::new(false));
    let mut rest = packed;
    loop {
        rest = member(rest, decoder, &mut |decoder, rest, sum| {
            output.make_room()?;
            let filled = output.bytes.len();
            let status = decode(decoder, rest, output.bytes)?;
            sum.update(output.bytes.get(filled..).unwrap_or_default());
            output.within_limit().map(|()| status)
        })?;
        if !rest.starts_with(&MAGIC) {
            return Ok(());
        }
    }
}

/// Whether a sound member of no more than [`DEFAULT_LIMIT`] bytes is followed by
/// another.
pub(crate) fn has_several_members(packed: &[u8]) -> bool {
    // What comes out is looked at by nobody: a piece of it at a time is held.
    let mut piece = Vec::new();
    let mut left = DEFAULT_LIMIT;
    let rest = member(packed, &mut Decompress::new(false), &mut |decoder, rest, sum| {
        piece.clear();
        Output::new(&mut piece, DEFAULT_LIMIT).make_room()?;
        let status = decode(decoder, rest, &mut piece)?;
        sum.update(&piece);
        let (found, limit) = (DEFAULT_LIMIT.saturating_add(1), DEFAULT_LIMIT);
        left = left.checked_sub(piece.len() as u64).ok_or(Error::TooLarge { found, limit })?;
        Ok(status)
    });
    rest.is_ok_and(|rest| rest.starts_with(&MAGIC))
}

fn decode(decoder: &mut Decompress, rest: &[u8], out: &mut Vec<u8>) -> Result<Status, Error> {
    let done = decoder.decompress_vec(rest, out, FlushDecompress::None);
    done.map_err(|error| corrupt(error.message().unwrap_or("data error")))
}

/// Unpacks what is left of a stream as far as there is room, and adds it to the sum.
type Step<'s> = dyn FnMut(&mut Decompress, &[u8], &mut Crc) -> Result<Status, Error> + 's;

/// Unpacks one member by `step` and returns what follows it.
fn member<'a>(
    packed: &'a [u8],
    decoder: &mut Decompress,
    step: &mut Step<'_>,
) -> Result<&'a [u8], Error> {
    let mut rest = header(packed)?;
    let mut sum = Crc::new();
    decoder.reset(false);
    loop {
        let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
        let status = step(decoder, rest, &mut sum)?;
        let read = decoder.total_in().saturating_sub(before_in);
        rest = usize::try_from(read).ok().and_then(|read| rest.get(read..)).unwrap_or_default();
        if status == Status::StreamEnd {
            break;
        }
        if read == 0 && decoder.total_out() == before_out {
            return Err(cut_short());
        }
    }
    // CRC32 and size modulo 2^32 (RFC 1952, 2.3.1).
    let (check, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    if u32::from_le_bytes(*check) != sum.sum() {
        return Err(corrupt("incorrect data check"));
    }
    let (size, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    if u32::from_le_bytes(*size) != sum.amount() {
        return Err(corrupt("incorrect length check"));
    }
    Ok(rest)
}

/// What follows a member's header (RFC 1952, 2.3); the words are zlib's.
fn header(packed: &[u8]) -> Result<&[u8], Error> {
    const DEFLATE: u8 = 8;
    let (fixed, mut rest) = packed.split_first_chunk::<10>().ok_or_else(cut_short)?;
    let [_, _, method, flags, ..] = *fixed;
    if !fixed.starts_with(&MAGIC) {
        return Err(corrupt("incorrect header check"));
    }
    if method != DEFLATE {
        return Err(corrupt("unknown compression method"));
    }
    if flags & 0xe0 != 0 {
        return Err(corrupt("unknown header flags set"));
    }
    if flags & 4 != 0 {
        let (size, behind) = rest.split_first_chunk().ok_or_else(cut_short)?;
        rest = behind.get(u16::from_le_bytes(*size).into()..).ok_or_else(cut_short)?;
    }
    // The file's name, and a comment.
    for text in [8, 16] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or_else(cut_short)?;
            rest = rest.get(end.saturating_add(1)..).ok_or_else(cut_short)?;
        }
    }
    if flags & 2 != 0 {
        let mut sum = Crc::new();
        sum.update(packed.get(..packed.len().saturating_sub(rest.len())).unwrap_or_default());
        let (check, behind) = rest.split_first_chunk().ok_or_else(cut_short)?;
        if u32::from(u16::from_le_bytes(*check)) != sum.sum() & 0xffff {
            return Err(corrupt("header crc mismatch"));
        }
        rest = behind;
    }
    Ok(rest)
}

/// The ISIZE field at the very end: the last member's size modulo 2^32.
fn last_member_size(packed: &[u8]) -> Option<u64> {
    packed.last_chunk::<4>().map(|size| u64::from(u32::from_le_bytes(*size)))
}

fn cut_short() -> Error {
    corrupt("unexpected end of file")
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
    fn every_field_of_a_header_is_passed_over() {
        let packed = pack(b"some text", Packing::Gzip);
        for flags in 0..32 {
            let mut header = packed[..10].to_vec();
            header[3] = flags;
            header.extend(if flags & 4 != 0 { &b"\x03\0abc"[..] } else { b"" });
            header.extend(if flags & 8 != 0 { &b"name\0"[..] } else { b"" });
            header.extend(if flags & 16 != 0 { &b"comment\0"[..] } else { b"" });
            if flags & 2 != 0 {
                let mut sum = flate2::Crc::new();
                sum.update(&header);
                header.extend(&sum.sum().to_le_bytes()[..2]);
            }
            let file = [&header, &packed[10..]].concat();
            // The codec's own reader says the same.
            let mut independent = Vec::new();
            std::io::copy(&mut flate2::read::GzDecoder::new(&file[..]), &mut independent).unwrap();
            assert_eq!(unpack(&file), Ok(independent), "{flags}");
            for end in 0..file.len() {
                assert_eq!(unpack(&file[..end]), Err("gzip: unexpected end of file".into()));
            }
        }
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
        for (at, value, words) in [
            (2, 7, "unknown compression method"),
            (3, 0x20, "unknown header flags set"),
            (3, 2, "header crc mismatch"),
            (wrong.len() - 4, 8, "incorrect length check"),
        ] {
            let mut wrong = packed.clone();
            wrong[at] = value;
            assert_eq!(unpack(&wrong), Err(format!("gzip: {words}")));
        }
    }
}
