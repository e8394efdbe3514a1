//! Lines and words, the same in modprobe.d and depmod.d.
//!
//! A backslash takes the next byte as it is, before anything else is looked
//! at: a newline vanishes with it, so that lines join; at the end of the file
//! the backslash vanishes alone. A NUL ends the text of its line. There are no
//! quotes and no comments behind a directive.

use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

/// The bytes of a file, which directives may go on holding.
pub(crate) struct Text<'a> {
    pub(crate) bytes: &'a [u8],
    shared: OnceCell<Arc<[u8]>>,
}

impl<'a> Text<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, shared: OnceCell::new() }
    }

    /// One copy for all that hold it.
    pub(crate) fn shared(&self) -> Arc<[u8]> {
        Arc::clone(self.shared.get_or_init(|| self.bytes.into()))
    }

    /// Where in the file `part` is; `None` for what stands elsewhere: a line with a
    /// backslash was put together anew.
    pub(crate) fn place(&self, part: &[u8]) -> Option<Range<usize>> {
        let start = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        let place = start..start.checked_add(part.len())?;
        (place.end <= self.bytes.len()).then_some(place)
    }
}

/// A line that is neither empty nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    /// From 1; of joined lines the last.
    pub(crate) number: u32,
}

/// The lines of a file.
pub(crate) fn lines(file: &[u8]) -> Lines<'_> {
    Lines { rest: file, number: 0, plain: memchr2(b'\\', 0, file).is_none() }
}

pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
    /// Nothing but newlines needs to be looked for.
    plain: bool,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        while !self.rest.is_empty() {
            let mut text = self.line();
            self.number = self.number.saturating_add(1);
            if let Some(end) = (!self.plain).then(|| memchr(0, &text)).flatten() {
                text = Cow::Owned(text.get(..end).unwrap_or_default().to_vec());
            }
            if !matches!(text.first(), None | Some(b'#')) {
                return Some(Line { text, number: self.number });
            }
        }
        None
    }
}

impl<'a> Lines<'a> {
    /// Takes one line from the rest. Borrowed when it has no backslash.
    fn line(&mut self) -> Cow<'a, [u8]> {
        let file = self.rest;
        let end = match self.plain {
            true => memchr(b'\n', file),
            false => memchr2(b'\n', b'\\', file),
        };
        match end.and_then(|at| file.split_at_checked(at)) {
            None => {
                self.rest = &[];
                Cow::Borrowed(file)
            }
            Some((line, [b'\n', rest @ ..])) => {
                self.rest = rest;
                Cow::Borrowed(line)
            }
            Some((start, rest)) => {
                self.rest = rest;
                Cow::Owned(self.escaped(start.to_vec()))
            }
        }
    }

    /// Goes on with a line at its first backslash.
    fn escaped(&mut self, mut line: Vec<u8>) -> Vec<u8> {
        loop {
            match self.rest {
                [b'\\', b'\n', rest @ ..] => {
                    self.number = self.number.saturating_add(1);
                    self.rest = rest;
                }
                [b'\\', byte, rest @ ..] => {
                    line.push(*byte);
                    self.rest = rest;
                }
                [b'\n', rest @ ..] => {
                    self.rest = rest;
                    return line;
                }
                [b'\\'] | [] => {
                    self.rest = &[];
                    return line;
                }
                [byte, rest @ ..] => {
                    line.push(*byte);
                    self.rest = rest;
                }
            }
        }
    }
}

/// Words between blanks and tabs.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// All that stands behind the one blank after the last word; `None` when
    /// there is nothing.
    pub(crate) fn rest(self) -> Option<&'a [u8]> {
        Some(self.rest).filter(|rest| !rest.is_empty())
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| !blank(byte));
        let Some(word) = start.and_then(|start| self.rest.get(start..)) else {
            self.rest = &[];
            return None;
        };
        let end = word.iter().position(blank).unwrap_or(word.len());
        self.rest = word.get(end.saturating_add(1)..).unwrap_or_default();
        word.get(..end)
    }
}

fn blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The words of `softdep` and `weakdep`, between any white space, in what
/// stands behind the module's name and one blank.
///
/// As with kmod, a single further blank belongs to the first word: `softdep a
/// ␣pre: b` has the words ` pre:` and `b`, hence no list.
pub(crate) fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let first = match text {
        [one, two, ..] if space(*one) && !space(*two) => {
            let end = text.iter().skip(1).position(|&byte| space(byte));
            end.map_or(text.len(), |end| end.saturating_add(1))
        }
        _ => 0,
    };
    let (first, others) = text.split_at_checked(first).unwrap_or((&[], text));
    let words = others.split(|&byte| space(byte));
    std::iter::once(first).chain(words).filter(|word| !word.is_empty())
}

/// `isspace`(3) in the C locale.
pub(crate) fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Makes tabs blanks, as kmod does in module options.
pub(crate) fn untab(text: &mut [u8]) {
    text.iter_mut().filter(|byte| **byte == b'\t').for_each(|byte| *byte = b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(file: &str, expected: &[(u32, &str)]) {
        let found: Vec<_> = lines(file.as_bytes())
            .map(|line| (line.number, String::from_utf8(line.text.into_owned()).unwrap()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(n, text)| (*n, text.to_string())).collect();
        assert_eq!(found, expected, "{file:?}");
    }

    #[test]
    fn comments_and_empty_lines_count_but_do_not_come() {
        read("", &[]);
        read("\n\n# x\na b\n\nc", &[(4, "a b"), (6, "c")]);
        read("  # x\n \n", &[(1, "  # x"), (2, " ")]);
    }

    #[test]
    fn a_backslash_joins_lines() {
        read("a \\\nb\nc\n", &[(2, "a b"), (3, "c")]);
        read("a\\\n\\\n b\n", &[(3, "a b")]);
        read("\\\n\\\nfoo\n\\\n\nbar\n", &[(3, "foo"), (6, "bar")]);
        read("# c \\\na\nb", &[(3, "b")]);
        read("\\\n# c\na", &[(3, "a")]);
        read("foo\\\n", &[(2, "foo")]);
        read("foo\\\n\\\n", &[(3, "foo")]);
    }

    #[test]
    fn a_backslash_takes_the_next_byte_as_it_is() {
        read("\\\\x c\\d\n", &[(1, "\\x cd")]);
        read("\\# x\ny\\\\\\\nz", &[(3, "y\\z")]);
        read("a\\", &[(1, "a")]);
        read("a\\\n\\", &[(2, "a")]);
    }

    #[test]
    fn a_nul_ends_the_text_but_not_the_line() {
        read("a\0b\nc\\\0d\n\0x\n", &[(1, "a"), (2, "c")]);
        read("foo\0\\\nbar\nbaz\n", &[(2, "foo"), (3, "baz")]);
    }

    #[test]
    fn words_end_at_blanks_and_the_rest_keeps_them() {
        let mut words = Words::of(b"\t a  b \t c\t");
        assert_eq!(words.next(), Some(&b"a"[..]));
        assert_eq!(words.clone().rest(), Some(&b" b \t c\t"[..]));
        assert_eq!(words.by_ref().collect::<Vec<_>>(), [b"b", b"c"]);
        assert_eq!(words.rest(), None);
        assert_eq!(Words::of(b"\x0b\r").next(), Some(&b"\x0b\r"[..]));
    }

    #[test]
    fn one_blank_before_the_first_name_is_part_of_it() {
        let all = |text: &str| {
            let words =
                names(text.as_bytes()).map(|word| String::from_utf8(word.to_vec()).unwrap());
            words.collect::<Vec<_>>().join("|")
        };
        assert_eq!(all("b c"), "b|c");
        assert_eq!(all(" b c"), " b|c");
        assert_eq!(all("\tx"), "\tx");
        assert_eq!(all("  b"), "b");
        assert_eq!(all(" \tb \x0b c\r"), "b|c");
        assert_eq!(all("b  c"), "b|c");
        assert_eq!(all(" "), "");
        assert_eq!(all(""), "");
    }
}
