//! How far patterns have come in matching a question.
//!
//! A pattern is read byte by byte on the way down a trie, and all patterns
//! that begin alike are read once. After each byte it is known which positions
//! of the question can be reached, as a set of bits; when none can, nothing
//! below matches and the whole subtree is left out.

/// Positions of a question, from before its first byte to behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Set {
    low: u128,
    high: u128,
}

/// The longest question that a [`Set`] has room for.
const LONGEST: usize = 255;

impl Set {
    fn only(position: usize) -> Self {
        let bit = |at: usize| u32::try_from(at).ok().and_then(|at| 1_u128.checked_shl(at));
        match position.checked_sub(128) {
            None => Self { low: bit(position).unwrap_or(0), high: 0 },
            Some(above) => Self { low: 0, high: bit(above).unwrap_or(0) },
        }
    }

    fn and(self, other: Self) -> Self {
        Self { low: self.low & other.low, high: self.high & other.high }
    }

    fn or(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    /// All one further.
    fn next(self) -> Self {
        Self { low: self.low << 1, high: (self.high << 1) | (self.low >> 127) }
    }

    /// These and all behind the first of them.
    fn and_behind(self) -> Self {
        let up = |bits: u128| bits | bits.wrapping_neg();
        match self.low {
            0 => Self { low: 0, high: up(self.high) },
            low => Self { low: up(low), high: u128::MAX },
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// A question, made ready for patterns to be held against any end of it.
pub(crate) struct Question<'a> {
    text: &'a [u8],
    /// Where each byte stands. Not in memory that is asked for: that of a thousand
    /// questions would have to be given back in time.
    places: [Set; 256],
    /// Every position there is; none for a question that is too long.
    valid: Set,
}

/// How far one pattern has come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Progress {
    /// The positions that can be reached.
    Reached(Set),
    /// Not followed: it has a bracket or a backslash, or the question is too
    /// long. To be matched as a whole.
    Unknown,
}

impl<'a> Question<'a> {
    /// The question in `place`, which is made there unless it was: to move one costs as
    /// much. Never `None`.
    pub(crate) fn in_place<'p>(place: &'p mut Option<Self>, text: &'a [u8]) -> Option<&'p Self> {
        if place.is_none() {
            *place = Some(Self::unread(text));
            place.as_mut()?.note_places();
        }
        place.as_ref()
    }

    /// To be completed by [`Self::note_places`].
    #[inline(always)]
    fn unread(text: &'a [u8]) -> Self {
        Self { text, places: [Set::default(); 256], valid: Set::default() }
    }

    fn note_places(&mut self) {
        if self.text.len() > LONGEST {
            return;
        }
        for (at, &byte) in self.text.iter().enumerate() {
            if let Some(place) = self.places.get_mut(usize::from(byte)) {
                *place = place.or(Set::only(at));
            }
            self.valid = self.valid.or(Set::only(at));
        }
        self.valid = self.valid.or(Set::only(self.text.len()));
    }

    /// A pattern of which nothing is read, held against the question from
    /// position `start` on.
    pub(crate) fn start(&self, start: usize) -> Progress {
        if self.valid.is_empty() { Progress::Unknown } else { Progress::Reached(Set::only(start)) }
    }

    /// Reads on; `None` when no continuation can match.
    pub(crate) fn read(&self, progress: Progress, pattern: &[u8]) -> Option<Progress> {
        let Progress::Reached(mut reached) = progress else { return Some(progress) };
        for &byte in pattern {
            reached = match byte {
                b'*' => reached.and_behind(),
                b'?' => reached.next(),
                b'[' | b'\\' => return Some(Progress::Unknown),
                byte => reached.and(*self.places.get(usize::from(byte))?).next(),
            };
            reached = reached.and(self.valid);
            if reached.is_empty() {
                return None;
            }
        }
        Some(Progress::Reached(reached))
    }

    /// Whether `pattern`, held against the question from `start` on, has come
    /// to its end. `None` when that takes more than `steps`.
    pub(crate) fn is_matched(
        &self,
        progress: Progress,
        pattern: &[u8],
        start: usize,
        steps: &mut u64,
    ) -> Option<bool> {
        match progress {
            Progress::Reached(reached) => Some(!reached.and(Set::only(self.text.len())).is_empty()),
            Progress::Unknown => {
                let text = self.text.get(start..).unwrap_or_default();
                komod_name::matches_within(pattern, text, steps)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &[u8]) -> Question<'_> {
        let mut question = None;
        Question::in_place(&mut question, text);
        question.unwrap()
    }

    /// Reads `pattern` byte by byte and says whether it matches from `start`
    /// on.
    fn says(question: &Question<'_>, pattern: &[u8], start: usize) -> bool {
        let mut progress = Some(question.start(start));
        for byte in pattern {
            progress = progress.and_then(|progress| question.read(progress, &[*byte]));
        }
        let mut steps = u64::MAX;
        progress.is_some_and(|progress| {
            question.is_matched(progress, pattern, start, &mut steps).unwrap()
        })
    }

    #[test]
    fn patterns_match_as_they_do_whole() {
        // Lengths on both sides of each half of the set, and past its end.
        for length in [0, 1, 2, 126, 127, 128, 129, 200, 254, 255, 256, 300] {
            let text: Vec<u8> =
                (0..length).map(|at| if at % 7 == 3 { b'b' } else { b'a' }).collect();
            let question = asked(&text);
            let all_of_it = [&text[..], b"*"].concat();
            let too_long = [&text[..], b"?"].concat();
            let marks = "?".repeat(length);
            let patterns: [&[u8]; 14] = [
                b"",
                b"*",
                b"**",
                b"*b",
                b"*a",
                b"*b*",
                b"*b?",
                b"a*a",
                b"a*b*b*a",
                b"*[b]*",
                b"*\\b*",
                &all_of_it,
                &too_long,
                marks.as_bytes(),
            ];
            for start in [0, 1, 5, 127, 128, 255].into_iter().filter(|start| *start <= length) {
                for pattern in patterns {
                    let expected = komod_name::matches(pattern, &text[start..]);
                    let shown = String::from_utf8_lossy(pattern);
                    assert_eq!(
                        says(&question, pattern, start),
                        expected,
                        "{length} {start} {shown}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_cannot_match_is_not_followed() {
        let question = asked(b"pci:v1");
        let start = question.start(4);
        assert!(question.read(start, b"*v").is_some());
        assert!(question.read(start, b"*v2").is_none());
        assert!(question.read(start, b"???").is_none());
        assert!(question.read(start, b"x[").is_none());
    }
}
