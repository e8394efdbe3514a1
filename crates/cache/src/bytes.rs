//! Numbers and pieces of text one behind the other, and the sum that tells whether all
//! of them are as they were written.

/// Puts a file together.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    /// One that begins with what every file of that kind begins with.
    pub(crate) fn new(magic: [u8; 8]) -> Self {
        Self { bytes: magic.to_vec() }
    }

    pub(crate) fn u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// How many records follow, or how long a text is. A file of 4 GiB is never
    /// written: [`Writer::finish`] refuses it.
    pub(crate) fn count(&mut self, number: usize) {
        self.u32(u32::try_from(number).unwrap_or(u32::MAX));
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        self.count(text.len());
        self.bytes.extend_from_slice(text);
    }

    /// All of it with its checksum at the end; `None` if it grew too large.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        if self.bytes.len() > LARGEST {
            return None;
        }
        let sum = checksum(&self.bytes);
        self.u64(sum);
        Some(self.bytes)
    }
}

/// No file is larger: what is would not be read again.
pub(crate) const LARGEST: usize = 1 << 30;

/// Takes a file apart. Everything that is not there is `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// What stands between the first bytes and the checksum. `None` if they are others,
    /// or the sum is.
    pub(crate) fn of_file(bytes: &'a [u8], magic: [u8; 8]) -> Option<Self> {
        let (checked, sum) = bytes.split_last_chunk()?;
        let rest = checked.strip_prefix(&magic)?;
        (checksum(checked) == u64::from_le_bytes(*sum)).then_some(Self { rest })
    }

    /// All of what is there, which was checked by somebody else.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of records of at least `size` bytes each: no more than can be there.
    pub(crate) fn count(&mut self, size: usize) -> Option<usize> {
        let count = usize::try_from(self.u32()?).ok()?;
        (count.checked_mul(size)? <= self.rest.len()).then_some(count)
    }

    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.count(1)?;
        self.take(length)
    }

    /// `Some` if nothing is left over.
    pub(crate) fn end(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

/// A sum over bytes. Whatever is changed within eight bytes that stand together gives
/// another sum; what is changed in more places gives the same once in 2^64.
///
/// It guards against damage, not against forgery: who may write the file is checked.
pub fn checksum(bytes: &[u8]) -> u64 {
    // Each step can be undone, so no difference is lost in one; four at a time, so that
    // none waits for the one before it.
    let mut lanes: [u64; 4] = [1, 2, 3, 4];
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk::<32>() {
        for (lane, word) in lanes.iter_mut().zip(words(block)) {
            *lane = step(*lane, word);
        }
        rest = tail;
    }
    let mut sum = lanes.into_iter().fold(bytes.len() as u64, step);
    for chunk in rest.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        sum = step(sum, u64::from_le_bytes(word));
    }
    sum
}

fn words(block: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
        *word = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }
    words
}

/// The constant is odd and without pattern: the fraction of pi.
fn step(sum: u64, word: u64) -> u64 {
    let product = (sum ^ word).wrapping_mul(0x2430_5a88_85a3_08d3);
    product ^ product >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_length_has_its_own_sum() {
        let bytes: Vec<u8> = (0..200_u8).map(|n| n.wrapping_mul(37)).collect();
        for length in [0, 1, 7, 8, 31, 32, 33, 64, 199] {
            let whole = &bytes[..length];
            let sum = checksum(whole);
            for at in 0..length * 8 {
                let mut other = whole.to_vec();
                other[at / 8] ^= 1 << (at % 8);
                assert_ne!(checksum(&other), sum, "{length} {at}");
            }
            assert_ne!(checksum(&bytes[..length + 1]), sum);
        }
        assert_ne!(checksum(&[0; 8]), checksum(&[0; 16]));
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let magic = *b"komodtst";
        let mut out = Writer::new(magic);
        out.u8(1);
        out.text(b"text");
        out.u64(7);
        let file = out.finish().unwrap();
        let mut bytes = Reader::of_file(&file, magic).unwrap();
        assert_eq!(bytes.bool(), Some(true));
        assert_eq!(bytes.text(), Some(&b"text"[..]));
        assert_eq!(bytes.u64(), Some(7));
        assert_eq!(bytes.u8(), None);
        assert_eq!(bytes.end(), Some(()));
        assert!(Reader::of_file(&file, *b"komodtsu").is_none());
        for end in 0..file.len() {
            assert!(Reader::of_file(&file[..end], magic).is_none());
        }
    }

    #[test]
    fn a_count_is_no_more_than_there_can_be() {
        let mut bytes = Reader { rest: &[2, 0, 0, 0, 1, 2, 3] };
        assert_eq!(bytes.count(2), None);
        let mut bytes = Reader { rest: &[2, 0, 0, 0, 1, 2, 3, 4] };
        assert_eq!(bytes.count(2), Some(2));
    }
}
