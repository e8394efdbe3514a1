//! A walk over DER (X.690): elements of one tag byte and a definite length.

use std::fmt::Write;

/// Tags as they stand in the byte: class and "constructed" included.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// The bit of a tag whose element holds elements.
const CONSTRUCTED: u8 = 0x20;
/// `[0]` of a field that is constructed.
pub(crate) const CONTEXT_0: u8 = 0xa0;
/// `[1]` of a field that is constructed.
pub(crate) const CONTEXT_1: u8 = 0xa1;

/// Elements one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element's tag and content; `None` at the end, or if the element is
    /// cut short, has a tag of several bytes or an indefinite length.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = digits.iter().fold(0_u32, |all, digit| all << 8 | u32::from(*digit));
                (usize::try_from(length).ok()?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// The next element's content if its tag is `tag`; else `None`, and the element
    /// stays.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (found, content) = ahead.any()?;
        (found == tag).then(|| {
            *self = ahead;
            content
        })
    }

    /// `Some` if there are no more elements.
    pub(crate) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// As [`Reader::optional`], for an element that holds elements.
    pub(crate) fn inside(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.optional(tag).map(Reader)
    }

    /// As [`Reader::inside`], for an element that holds any number of one kind: OpenSSL
    /// takes those without the bit of a constructed element, too.
    pub(crate) fn inside_of(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.inside(tag).or_else(|| self.inside(tag & !CONSTRUCTED))
    }
}

/// Whether an element with this tag can be any value: of the common class, and a
/// text in one piece.
pub(crate) fn is_value(tag: u8) -> bool {
    let common = tag & 0xc0 == 0;
    common && (tag & CONSTRUCTED == 0 || tag == SEQUENCE || tag == SET)
}

/// Whether these are an object identifier's numbers: some, none cut short or beginning
/// with a needless byte.
pub(crate) fn is_identifier(oid: &[u8]) -> bool {
    let mut begins = true;
    let sound = oid.iter().all(|byte| {
        let needless = begins && *byte == 0x80;
        begins = byte & 0x80 == 0;
        !needless
    });
    sound && begins && !oid.is_empty()
}

/// An object identifier in its dotted spelling; `None` if it is none or a number is
/// beyond 128 bits.
pub(crate) fn dotted(oid: &[u8]) -> Option<String> {
    if !is_identifier(oid) {
        return None;
    }
    let mut text = String::new();
    let mut number = 0_u128;
    for byte in oid {
        number = number.checked_mul(128)?.checked_add(u128::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            // The first number holds two: 40 times the first of them, at most 2.
            let first = (number / 40).min(2);
            write!(text, "{first}.{}", number.checked_sub(first.checked_mul(40)?)?).ok()?;
        } else {
            write!(text, ".{number}").ok()?;
        }
        number = 0;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_short_and_long() {
        let mut reader = Reader(&[4, 2, 7, 8, 2, 0x81, 1, 9, 5, 0]);
        assert_eq!(reader.any(), Some((4, &[7, 8][..])));
        assert_eq!(reader.optional(INTEGER), Some(&[9][..]));
        assert_eq!(reader.optional(INTEGER), None);
        assert_eq!(reader.any(), Some((5, &[][..])));
        assert_eq!(reader.any(), None);
        for refused in [&[4, 3, 1, 2][..], &[4, 0x80, 0, 0], &[0x1f, 1, 0], &[4, 0x85, 0, 0], &[4]]
        {
            assert_eq!(Reader(refused).any(), None, "{refused:?}");
        }
        assert_eq!(Reader(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]).any(), None);
    }

    #[test]
    fn identifiers_dotted() {
        let dotted = |oid: &[u8]| super::dotted(oid);
        assert_eq!(
            dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 5]).unwrap(),
            "1.2.840.113549.2.5"
        );
        assert_eq!(dotted(&[0x88, 0x37, 3]).unwrap(), "2.999.3");
        assert_eq!(dotted(&[0x2a, 0x86]), None);
        assert_eq!(dotted(&[]), None);
        assert_eq!(dotted(&[0x80, 1]), None);
        assert_eq!(dotted(&[0xff; 20]), None);
    }
}
