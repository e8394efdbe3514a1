//! Reads that cannot leave their bytes. All offsets of a file are untrusted.

use std::ops::Range;

/// `size` bytes from `offset` on; `None` if they are not all there.
pub(crate) fn range(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    bytes.get(bounds(offset, size)?)
}

/// The indices of `size` bytes from `offset` on; `None` if no memory has such.
pub(crate) fn bounds(offset: u64, size: u64) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(size)?).ok()?;
    Some(start..end)
}

/// `N` bytes from `offset` on; `None` if they are not all there.
pub(crate) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// The NUL-terminated string at `offset`, without its NUL; `None` if the offset
/// lies outside or no NUL follows.
pub(crate) fn string(bytes: &[u8], offset: usize) -> Option<&[u8]> {
    let tail = bytes.get(offset..)?;
    tail.get(..memchr::memchr(0, tail)?)
}

/// What stands before the first NUL; all of it if there is none.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

/// The strings between NULs, empty ones passed over; a last one needs no NUL.
pub(crate) fn strings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let string = until_nul(rest);
            rest = rest.get(string.len()..).and_then(|r| r.split_first()).map_or(&[], |(_, r)| r);
            if !string.is_empty() {
                return Some(string);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_inside() {
        let bytes = b"abcdef";
        assert_eq!(range(bytes, 2, 3), Some(&b"cde"[..]));
        assert_eq!(range(bytes, 6, 0), Some(&b""[..]));
        assert_eq!(range(bytes, 6, 1), None);
        assert_eq!(range(bytes, 7, 0), None);
        assert_eq!(range(bytes, u64::MAX, 2), None);
        assert_eq!(range(bytes, 2, u64::MAX), None);
    }

    #[test]
    fn strings_end_with_a_nul_inside() {
        assert_eq!(string(b"ab\0cd", 0), Some(&b"ab"[..]));
        assert_eq!(string(b"ab\0cd", 2), Some(&b""[..]));
        assert_eq!(string(b"ab\0cd", 3), None);
        assert_eq!(string(b"ab\0cd", 9), None);
    }

    #[test]
    fn empty_strings_are_passed_over() {
        let list = |bytes| strings(bytes).collect::<Vec<&[u8]>>();
        assert_eq!(list(b"\0\0ab\0\0\0c\0d"), [&b"ab"[..], b"c", b"d"]);
        assert_eq!(list(b""), [] as [&[u8]; 0]);
        assert_eq!(list(b"\0\0"), [] as [&[u8]; 0]);
    }
}
