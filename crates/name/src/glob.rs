use crate::bracket::Brackets;

/// Whether the glob `pattern` matches the whole of `text`, as `fnmatch`(3)
/// without flags in the C locale: `*` and `?` match `/` and leading dots too,
/// `\` takes the next byte literally, `[!a]` and `[^a]` negate.
///
/// Takes at most about `pattern.len() * text.len()` steps, whatever stands in
/// the pattern: after a mismatch only the last `*` is tried again, and each
/// bracket expression is read once.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Most patterns are names, and most of them differ early.
    let (mut pattern, mut text) = (pattern, text);
    loop {
        match (pattern, text) {
            ([b'*' | b'?' | b'[' | b'\\', ..], _) => break,
            ([first, behind @ ..], [other, rest @ ..]) if first == other => {
                (pattern, text) = (behind, rest);
            }
            _ => return pattern == text,
        }
    }
    let mut steps = u64::MAX;
    matches_within(pattern, text, &mut steps).unwrap_or(false)
}

/// As [`matches()`], in no more than so many `steps`, of which those taken are
/// subtracted. `None` when they do not suffice; nothing is left of them then.
pub fn matches_within(pattern: &[u8], text: &[u8], steps: &mut u64) -> Option<bool> {
    let brackets = if pattern.contains(&b'[') {
        spend(steps, pattern.len() as u64)?;
        Brackets::of(pattern)
    } else {
        Brackets::default()
    };
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last `*` has to take one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        spend(steps, 1)?;
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        let step = match text.get(t) {
            None if p >= pattern.len() => return Some(true),
            None => None,
            Some(&byte) => one(pattern, p, byte, &brackets),
        };
        match (step, retry) {
            (Some(used), _) => {
                p += used;
                t += 1;
            }
            (None, Some((after, at))) if at < text.len() => {
                retry = Some((after, at + 1));
                (p, t) = (after, at + 1);
            }
            (None, _) => return Some(false),
        }
    }
}

fn spend(steps: &mut u64, taken: u64) -> Option<()> {
    let left = steps.checked_sub(taken);
    *steps = left.unwrap_or(0);
    left.map(drop)
}

/// How many bytes of `pattern` from `at` on match the one `byte`; `None` when
/// they do not.
fn one(pattern: &[u8], at: usize, byte: u8, brackets: &Brackets) -> Option<usize> {
    match pattern.get(at..)? {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        // A backslash at the end matches nothing (glibc).
        [b'\\'] => None,
        [b'[', ..] => match brackets.at(at) {
            Some(bracket) => bracket.holds(byte).then_some(bracket.length),
            // A bracket that is never closed is an ordinary byte.
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, matches_within};
    use komod_fixtures::within_a_second;

    #[track_caller]
    fn yes(pattern: &str, text: &str) {
        assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
    }

    #[track_caller]
    fn no(pattern: &str, text: &str) {
        assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
    }

    #[test]
    fn stars_match_anything_and_nothing() {
        yes("*", "");
        yes("a*", "a");
        yes("*/.x*", "a/.xy");
        yes("pci:v*d*sv*", "pci:v00008086d00001234sv0");
        yes("*a*b*c", "xaybzc");
        no("*a*b*c", "xaybz");
        no("a*", "b");
    }

    #[test]
    fn brackets_hold_sets_ranges_classes_and_negation() {
        yes("[abc]", "b");
        yes("[a-c]x", "bx");
        yes("[!a-c]", "d");
        no("[^a-c]", "b");
        yes("[]a]", "]");
        yes("[a-]", "-");
        yes("[[:digit:]x]", "7");
        yes("[\\]]", "]");
        no("[a-c]", "");
    }

    #[test]
    fn what_is_never_closed_is_literal() {
        yes("[a", "[a");
        no("[a", "a");
    }

    #[test]
    fn a_backslash_takes_the_next_byte_literally() {
        yes("\\*", "*");
        no("\\*", "a");
        no("a\\", "a");
    }

    /// Names a driver package or an unprivileged user may bring: none of them
    /// takes a second (most take a millisecond), and each would take hours if
    /// a step were repeated.
    #[test]
    fn hostile_patterns_do_not_blow_up() {
        const MANY: usize = 20_000;
        let text = [b'a'; 4096];
        let cases = [
            "*a*a*a*a*a*a*a*a*a*a*b".to_owned(),
            "*a".repeat(2000) + "b",
            "*".repeat(MANY) + "b",
            "*?".repeat(2000) + "b",
            "*[a".to_owned() + &"[".repeat(MANY),
            "*".to_owned() + &"[a".repeat(MANY),
            "*".to_owned() + &"[a-".repeat(MANY),
            "*[".to_owned() + &"[:".repeat(MANY),
            "*[".to_owned() + &"[:".repeat(MANY) + ":]",
            "*[".to_owned() + &"[:".repeat(MANY) + "]b",
            "*".to_owned() + &"[[:foo:]".repeat(MANY),
            "*".to_owned() + &"[\\]".repeat(MANY),
            "*[".to_owned() + &"a".repeat(MANY) + "]b",
            "*".to_owned() + &"[a-z]".repeat(200) + "b",
        ];
        for pattern in &cases {
            let shown: String = pattern.chars().take(30).collect();
            let found = within_a_second(&shown, || matches(pattern.as_bytes(), &text));
            assert!(!found, "{shown}");
        }
    }

    #[test]
    fn steps_are_counted_and_bounded() {
        let (pattern, text) = (&b"*a*ab"[..], [b'a'; 1000]);
        let mut left = 1_000_000;
        assert_eq!(matches_within(pattern, &text, &mut left), Some(false));
        assert!((990_000..999_000).contains(&left), "{left}");
        left = 100;
        assert_eq!(matches_within(pattern, &text, &mut left), None);
        assert_eq!(left, 0);
        left = 5;
        assert_eq!(matches_within(b"[a", b"[a", &mut left), Some(true), "two to read it");
    }

    #[test]
    fn classes_that_are_none_and_brackets_in_brackets() {
        yes("[[:digit]", ":");
        yes("[[:digit:a]b:]", "ab:]");
        yes("[[:Digit:]]", "t]");
        yes("[[:[:digit:]]", "7");
        // What stands behind an unknown class never matches.
        yes("[a[:foo:]b]", "a");
        no("[a[:foo:]b]", "b");
        no("[!a[:foo:]b]", "c");
        yes("[[]", "[");
        yes("[[a]", "[");
        yes("[!]a]", "b");
        no("[!]a]", "]");
        yes("x[]", "x[]");
        yes("[a[b]", "[");
    }
}
