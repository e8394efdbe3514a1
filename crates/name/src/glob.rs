/// Whether the glob `pattern` matches the whole of `text`, as `fnmatch`(3)
/// without flags in the C locale: `*` and `?` match `/` and leading dots too,
/// `\` takes the next byte literally, `[!a]` and `[^a]` negate.
///
/// Takes at most `pattern.len() * text.len()` steps: after a mismatch only the
/// last `*` is tried again.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Most patterns are names, and most of them differ in the first byte.
    match (pattern.first(), text.first()) {
        (Some(b'*' | b'?' | b'[' | b'\\'), _) => steps(pattern, text),
        (first, other) => first == other && steps(pattern, text),
    }
}

fn steps(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last `*` has to take one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        let step = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(_), Some(&byte)) => one(&pattern[p..], byte),
            _ => None,
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
            (None, _) => return false,
        }
    }
}

/// How many bytes of `pattern` match the one `byte`; `None` when they do not.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        // A backslash at the end matches nothing (glibc).
        [b'\\'] => None,
        [b'[', rest @ ..] => match bracket(rest, byte) {
            Some((used, hit)) => hit.then_some(used + 1),
            // A bracket that is never closed is an ordinary byte.
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// Reads a bracket expression behind its `[`: the bytes it takes, `]`
/// included, and whether `byte` is in it. `None` when it is never closed.
fn bracket(rest: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(rest.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let mut hit = false;
    let mut first = true;
    loop {
        match rest.get(at..)? {
            [b']', ..] if !first => return Some((at + 1, hit != negated)),
            [b'[', b':', class @ ..] => match class_end(class) {
                Some(end) => {
                    hit |= in_class(class.get(..end)?, byte)?;
                    at += end + 4;
                }
                None => {
                    hit |= byte == b'[';
                    at += 1;
                }
            },
            tail => {
                let (low, used) = member(tail)?;
                match tail.get(used..)? {
                    [b'-', high, ..] if *high != b']' => {
                        let (high, more) = member(tail.get(used + 1..)?)?;
                        hit |= (low..=high).contains(&byte);
                        at += used + 1 + more;
                    }
                    _ => {
                        hit |= low == byte;
                        at += used;
                    }
                }
            }
        }
        first = false;
    }
}

/// One byte of a bracket expression and how many bytes spell it.
fn member(tail: &[u8]) -> Option<(u8, usize)> {
    match tail {
        [b'\\', literal, ..] => Some((*literal, 2)),
        [literal, ..] => Some((*literal, 1)),
        [] => None,
    }
}

fn class_end(class: &[u8]) -> Option<usize> {
    class.windows(2).position(|two| two == b":]")
}

/// Whether `byte` is in the named class; `None` for a name that C does not
/// know, which makes the whole expression match nothing special.
fn in_class(name: &[u8], byte: u8) -> Option<bool> {
    Some(match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => byte == b' ' || byte == b'\t',
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

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

    #[test]
    fn a_pattern_of_many_stars_does_not_blow_up() {
        let text = [b'a'; 4096];
        assert!(!matches(b"*a*a*a*a*a*a*a*a*a*a*b", &text));
    }
}
