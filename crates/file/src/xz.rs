use xz2::stream::{self, Action, CONCATENATED, Status, Stream, TELL_ANY_CHECK};

use crate::decompress::{Output, out_of_memory, plausible};
use crate::{DEFAULT_LIMIT, Error};

/// Memory that a decoder may have: the largest dictionary is as large as what may come
/// out, and the rest is small. Nothing of it is touched before the bytes are there.
const MEMORY: u64 = DEFAULT_LIMIT + (1 << 20);

/// A stream's header: magic bytes, flags, CRC32 (The .xz File Format 1.2, section 2.1.1).
type Header = [u8; 12];

/// A decoder that has the memory of the files before, for files with the same header.
///
/// To a decoder of concatenated streams, files that follow one another are just more
/// streams, for which it uses its dictionary again: fresh memory for each is a tenth of
/// the time of reading modules. At the end of each it has been given that header once
/// more, and has taken it for one: so it was between two streams, and the file was whole.
#[derive(Default)]
pub(crate) struct Context(Option<(Header, Stream)>);

impl Context {
    /// The decoder for a file that begins with `header`, which it has read already;
    /// `None` if there is none to be had.
    fn begin(&mut self, header: Header) -> Option<Stream> {
        if let Some((_, decoder)) = self.0.take().filter(|(known, _)| *known == header) {
            return Some(decoder);
        }
        let flags = CONCATENATED | TELL_ANY_CHECK;
        let mut decoder = Stream::new_stream_decoder(MEMORY, flags).ok()?;
        takes_header(&mut decoder, &header).then_some(decoder)
    }
}

/// Whether a decoder takes these bytes for a stream's header: all of them, at once.
fn takes_header(decoder: &mut Stream, header: &Header) -> bool {
    let before = decoder.total_in();
    let status = decoder.process(header, &mut [], Action::Run);
    let read = decoder.total_in().saturating_sub(before);
    status == Ok(Status::GetCheck) && read == header.len() as u64
}

/// Unpacks xz streams, with padding in multiples of four NULs between and behind
/// them. An error if a header names a dictionary of more than 1 GiB (the format has
/// some up to 4 GiB).
///
/// `context` serves the one call. What it keeps says nothing of the file.
pub(crate) fn decompress(
    packed: &[u8],
    output: &mut Output<'_>,
    context: &mut Context,
) -> Result<(), Error> {
    if let Some(size) = indexed_size(packed).filter(|size| plausible(*size, packed.len())) {
        // One more: a full buffer cannot tell "finished" from "more to come".
        output.expect_more(size.saturating_add(1))?;
    }
    let before = output.bytes.len();
    if let Some((header, rest)) = packed.split_first_chunk() {
        if let Some(mut decoder) = context.begin(*header) {
            if follow(&mut decoder, header, rest, output)? {
                // As a limit it is refused where the decoder has more than that.
                if decoder.set_memlimit(KEPT).and_then(|()| decoder.set_memlimit(MEMORY)).is_ok() {
                    context.0 = Some((*header, decoder));
                }
                return Ok(());
            }
            // Something is wrong with it. A decoder of its own tells what.
            output.bytes.truncate(before);
        }
    }
    alone(packed, output)
}

/// A decoder with more memory is not kept. Kernels' modules have dictionaries of 1 or 2 MiB,
/// what people pack with xz's own presets mostly 8.
const KEPT: u64 = 16 << 20;

/// Unpacks a file whose header the decoder has read; whether that went well, and the
/// decoder has read the same header for what comes next.
fn follow(
    decoder: &mut Stream,
    header: &Header,
    rest: &[u8],
    output: &mut Output<'_>,
) -> Result<bool, Error> {
    let begin = decoder.total_in();
    loop {
        output.make_room()?;
        let (read, filled) = (decoder.total_in(), output.bytes.len());
        let left = usize::try_from(read.saturating_sub(begin)).ok();
        let left = left.and_then(|read| rest.get(read..)).unwrap_or_default();
        let Ok(_) = decoder.process_vec(left, output.bytes, Action::Run) else {
            return Ok(false);
        };
        output.within_limit()?;
        if decoder.total_in() == read && output.bytes.len() == filled {
            return Ok(left.is_empty() && takes_header(decoder, header));
        }
    }
}

/// Unpacks a file with a decoder of its own, which knows where the file ends.
fn alone(packed: &[u8], output: &mut Output<'_>) -> Result<(), Error> {
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

    /// What comes out of files that one context serves, and of each on its own.
    #[test]
    fn the_files_before_change_nothing() {
        let text: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(n) >> 9) as u8).collect();
        let packings = [Packing::Xz, Packing::XzCrc64, Packing::XzWide];
        let sound: Vec<Vec<u8>> = packings.iter().map(|packing| pack(&text, *packing)).collect();
        let mut files = vec![
            [sound[0].clone(), sound[0].clone()].concat(),
            [sound[0].clone(), vec![0; 4]].concat(),
            [sound[0].clone(), vec![0; 3]].concat(),
            [sound[0].clone(), sound[1].clone(), vec![0; 8]].concat(),
            [&sound[0], &b"rubbish"[..]].concat(),
            // A whole file and the header of another.
            [&sound[0], &sound[0][..12]].concat(),
            sound[0][..12].to_vec(),
            b"\xfd7zXZ\0".to_vec(),
            Vec::new(),
            pack(&[], Packing::Xz),
        ];
        for at in (0..sound[0].len()).step_by(7) {
            files.push(sound[0][..at].to_vec());
            let mut flipped = sound[0].clone();
            flipped[at] ^= 0x55;
            files.push(flipped);
        }
        let mut context = Context::default();
        let mut served = 0;
        for file in files.iter().flat_map(|file| [&sound[0], file, &sound[1], file, &sound[2]]) {
            let before = context.0.is_some();
            let mut out = Vec::new();
            let limit = DEFAULT_LIMIT;
            let read = decompress(file, &mut Output::new(&mut out, limit), &mut context);
            let read = read.map(|()| out).map_err(|error| error.to_string());
            assert!(read == unpack(file), "{file:x?}");
            served += usize::from(before && context.0.is_some());
        }
        assert!(served > 20, "{served}");
    }

    #[test]
    fn a_large_dictionary_is_given_back() {
        let mut context = Context::default();
        for (packing, kept) in [(Packing::Xz, true), (Packing::XzWide, false), (Packing::Xz, true)]
        {
            let mut out = Vec::new();
            let mut output = Output::new(&mut out, DEFAULT_LIMIT);
            decompress(&pack(b"text", packing), &mut output, &mut context).expect("sound");
            assert_eq!(context.0.is_some(), kept, "{packing:?}");
        }
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
