use xz2::stream::{self, Action, CONCATENATED, Status, Stream};

use crate::decompress::{Output, out_of_memory, plausible};
use crate::{DEFAULT_LIMIT, Error};

/// Memory that a decoder may have: the largest dictionary is as large as what may come
/// out, and the rest is small. Nothing of it is touched before the bytes are there.
const MEMORY: u64 = DEFAULT_LIMIT + (1 << 20);

/// Unpacks xz streams, with padding in multiples of four NULs between and behind
/// them. An error if a header names a dictionary of more than 1 GiB (the format has
/// some up to 4 GiB).
pub(crate) fn decompress(packed: &[u8], output: &mut Output<'_>) -> Result<(), Error> {
    if let Some(size) = indexed_size(packed).filter(|size| plausible(*size, packed.len())) {
        // One more: a full buffer cannot tell "finished" from "more to come".
        output.expect_more(size.saturating_add(1))?;
    }
    let mut decoder = Stream::new_stream_decoder(MEMORY, CONCATENATED).map_err(failure)?;
    loop {
        output.make_room()?;
        let rest = usize::try_from(decoder.total_in()).ok().and_then(|read| packed.get(read..));
        let status = decoder
            .process_vec(rest.unwrap_or_default(), output.bytes, Action::Finish)
            .map_err(failure)?;
        output.within_limit()?;
        match status {
            Status::StreamEnd => return Ok(()),
            // With room in the output this is liblzma's LZMA_BUF_ERROR: it wants input.
            Status::MemNeeded => return Err(corrupt("Unexpected end of input")),
            Status::Ok | Status::GetCheck => {}
        }
    }
}

fn failure(error: stream::Error) -> Error {
    corrupt(match error {
        stream::Error::Mem => return out_of_memory(),
        stream::Error::MemLimit => "A dictionary of more than 1 GiB is not allowed",
        stream::Error::Format => "File format not recognized",
        stream::Error::Options => "Unsupported compression options",
        stream::Error::Data => "File is corrupt",
        stream::Error::UnsupportedCheck | stream::Error::NoCheck => "Unsupported integrity check",
        stream::Error::Program => "Internal error (bug)",
    })
}

fn corrupt(message: &str) -> Error {
    Error::Corrupt { codec: "xz", message: message.into() }
}

/// The unpacked size that the index of the last stream names, to reserve memory by;
/// `None` if the end does not look like an index.
fn indexed_size(packed: &[u8]) -> Option<u64> {
    let (_, mut index) = index(packed)?;
    let mut total = 0_u64;
    for _ in 0..number(&mut index)? {
        number(&mut index)?;
        total = total.checked_add(number(&mut index)?)?;
    }
    Some(total)
}

/// The index of the last stream: its size in bytes, and what stands in it behind the
/// NUL it begins with.
///
/// The footer's 12 bytes are CRC32, size of the index in words less one, flags,
/// `YZ`; the index is a NUL, the count of blocks, then two sizes a block
/// (The .xz File Format 1.2, sections 2.1.2 and 4).
fn index(packed: &[u8]) -> Option<(u64, &[u8])> {
    let (before, footer) = packed.split_last_chunk::<12>()?;
    let [_, _, _, _, size @ .., _, _, b'Y', b'Z'] = footer else { return None };
    let size = u64::from(u32::from_le_bytes(*size)).checked_add(1)?.checked_mul(4)?;
    let start = before.len().checked_sub(usize::try_from(size).ok()?)?;
    Some((size, before.get(start..)?.strip_prefix(&[0])?))
}

/// Whether the stream that ends the file is not the one that begins it, by its index;
/// false if the end does not look like an index.
pub(crate) fn has_several_streams(packed: &[u8]) -> bool {
    let padding = packed.iter().rev().take_while(|byte| **byte == 0).count();
    let packed = packed.get(..packed.len().saturating_sub(padding)).unwrap_or_default();
    indexed_length(packed).is_some_and(|length| length < packed.len() as u64)
}

/// The length of the last stream: its header and footer, the index, and the blocks,
/// each padded to a multiple of four bytes.
fn indexed_length(packed: &[u8]) -> Option<u64> {
    let (index_size, mut index) = index(packed)?;
    let mut total = index_size.checked_add(24)?;
    for _ in 0..number(&mut index)? {
        total = total.checked_add(number(&mut index)?.checked_next_multiple_of(4)?)?;
        number(&mut index)?;
    }
    Some(total)
}

/// A number of seven bits a byte, lowest first; the high bit says that more follow.
pub(crate) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compression;
    use komod_fixtures::{Packing, pack};

    fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        crate::decompress(packed, Compression::Xz, DEFAULT_LIMIT, &mut out)
            .map(|()| out)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn index_names_the_size() {
        for size in [0, 1, 127, 128, 100_000] {
            let packed = pack(&vec![7; size], Packing::Xz);
            assert_eq!(indexed_size(&packed), Some(size as u64));
        }
        assert_eq!(indexed_size(b""), None);
        assert_eq!(indexed_size(&[0xff; 40]), None);
    }

    #[test]
    fn reserves_what_the_index_names() {
        let mut out = Vec::new();
        let packed = pack(&vec![7; 100_000], Packing::Xz);
        crate::decompress(&packed, Compression::Xz, DEFAULT_LIMIT, &mut out).expect("sound");
        assert!(out.capacity() < 100_100, "{}", out.capacity());
    }

    #[test]
    fn padding_comes_in_fours() {
        let packed = pack(b"text", Packing::Xz);
        let padded = [packed.clone(), vec![0; 4], packed.clone(), vec![0; 8]].concat();
        assert_eq!(unpack(&padded), Ok(b"texttext".to_vec()));
        let padded = [packed, vec![0; 3]].concat();
        assert_eq!(unpack(&padded), Err("xz: File is corrupt".into()));
    }

    #[test]
    fn words_are_kmods() {
        let packed = pack(b"some text", Packing::Xz);
        let end = Err("xz: Unexpected end of input".to_string());
        assert_eq!(unpack(&packed[..6]), end);
        assert_eq!(unpack(&packed[..packed.len() - 1]), end);
        assert_eq!(unpack(&[&packed, &b"rubbish"[..]].concat()), end);
        let mut wrong = packed.clone();
        wrong[20] ^= 0x55;
        assert_eq!(unpack(&wrong), Err("xz: File is corrupt".into()));
    }
}
