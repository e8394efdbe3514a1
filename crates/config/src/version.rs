//! Kernel versions that a line of depmod.d is meant for.

use regex_lite::{Regex, RegexBuilder};

/// The longest expression, in bytes: each repetition of a repetition is put into
/// parentheses, which moves what stands behind.
const LONGEST: usize = 4096;

/// Whether a line for `pattern` is meant for `version`: `*` alone is any
/// version, everything else a POSIX extended regular expression
/// (`regex`(7)) that is searched in it. An invalid one matches nothing, nor does one of
/// more than 4 KiB, or that repetitions make larger than [`size`] allows.
pub(crate) fn matches(pattern: &[u8], version: &[u8]) -> bool {
    if pattern.len() > LONGEST {
        return false;
    }
    let version = || version.iter().map(|&byte| char::from(byte)).collect::<String>();
    pattern == b"*"
        || translated(pattern)
            .and_then(|words| compiled(&words, pattern.len()))
            .is_some_and(|regex| regex.is_match(&version()))
}

/// The memory that an expression of `written` bytes may take, in bytes: what is
/// written, and repetitions of some hundred pieces. Repetitions of repetitions would
/// make of forty bytes what takes a second to search, and a file has many lines.
fn size(written: usize) -> usize {
    const REPEATED: usize = 16 << 10;
    const OF_EACH_BYTE: usize = 64;
    OF_EACH_BYTE.saturating_mul(written).saturating_add(REPEATED)
}

fn compiled(words: &str, written: usize) -> Option<Regex> {
    RegexBuilder::new(words).size_limit(size(written)).build().ok()
}

/// A POSIX expression in the words of [`Regex`], where bytes are characters of
/// the same number. `None` if invalid, or if it refers back to a group.
fn translated(pattern: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut last = Last::Nothing;
    // Where the last piece begins in `out`, and the groups it is in.
    let mut piece = 0;
    let mut groups = Vec::new();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if let b'*' | b'+' | b'?' | b'{' = byte {
            match last {
                Last::Nothing => return None,
                Last::Piece => {}
                // Two in a row mean something else to `Regex`.
                Last::Repeated => {
                    out.insert_str(piece, "(?:");
                    out.push(')');
                }
            }
            match byte {
                b'{' => rest = interval(rest, &mut out)?,
                _ => out.push(char::from(byte)),
            }
            last = Last::Repeated;
            continue;
        }
        let start = out.len();
        last = Last::Piece;
        match byte {
            b'\\' => {
                let (&escaped, behind) = rest.split_first()?;
                rest = behind;
                match escaped {
                    b'w' | b'W' | b's' | b'S' => out.extend(['\\', char::from(escaped)]),
                    b'b' | b'B' => {
                        out.extend(['\\', char::from(escaped)]);
                        last = Last::Nothing;
                    }
                    b'0'..=b'9' => return None,
                    literal => push(&mut out, literal),
                }
            }
            b'[' => rest = bracket(rest, &mut out)?,
            b'(' => {
                groups.push(start);
                out.push('(');
                last = Last::Nothing;
            }
            // Without a partner it is an ordinary byte.
            b')' => match groups.pop() {
                Some(group) => {
                    out.push(')');
                    piece = group;
                    continue;
                }
                None => push(&mut out, b')'),
            },
            b'|' | b'^' | b'$' => {
                out.push(char::from(byte));
                last = Last::Nothing;
            }
            b'.' => out.push('.'),
            literal => push(&mut out, literal),
        }
        piece = start;
    }
    Some(out)
}

/// What stands before the place where the expression is read.
#[derive(Clone, Copy)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    Piece,
    Repeated,
}

/// One byte that stands for itself.
fn push(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("\\x{{{byte:x}}}"));
    }
}

/// What follows a `[`, to its `]`; answers what is behind.
fn bracket<'a>(mut rest: &'a [u8], out: &mut String) -> Option<&'a [u8]> {
    out.push('[');
    if let Some(behind) = rest.strip_prefix(b"^") {
        out.push('^');
        rest = behind;
    }
    let mut first = true;
    loop {
        match rest {
            [b']', behind @ ..] if !first => {
                out.push(']');
                return Some(behind);
            }
            [b'[', b':', class @ ..] => {
                let end = class.windows(2).position(|two| two == b":]")?;
                let (name, behind) = class.split_at_checked(end)?;
                out.push_str(&format!("[:{}:]", std::str::from_utf8(name).ok()?));
                rest = behind.get(2..)?;
            }
            [b'[', b'.' | b'=', ..] | [] => return None,
            [low, b'-', high, behind @ ..] if *high != b']' => {
                push(out, *low);
                out.push('-');
                push(out, *high);
                rest = behind;
            }
            [byte, behind @ ..] => {
                push(out, *byte);
                rest = behind;
            }
        }
        first = false;
    }
}

/// What follows a `{`, to its `}`: `N`, `N,`, `,M` or `N,M`.
fn interval<'a>(rest: &'a [u8], out: &mut String) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&byte| byte == b'}')?;
    let (bounds, behind) = rest.split_at_checked(end)?;
    let bounds = std::str::from_utf8(bounds).ok()?;
    let zero = if bounds.starts_with(',') { "0" } else { "" };
    out.push_str(&format!("{{{zero}{bounds}}}"));
    behind.get(1..)
}

#[cfg(test)]
mod tests {
    use super::matches;
    use komod_fixtures::within_a_second;

    /// Every expectation is what depmod of kmod 34.2 says.
    #[track_caller]
    fn says(pattern: &str, expected: bool) {
        assert_eq!(matches(pattern.as_bytes(), b"6.1.0-test"), expected, "{pattern}");
    }

    #[test]
    fn a_lone_star_is_any_version() {
        says("*", true);
        says("**", false);
        says("*6", false);
    }

    #[test]
    fn expressions_are_searched() {
        says("6", true);
        says("^1", false);
        says("^6\\.1", true);
        says("-test$", true);
        says("6.1|x", true);
        says("7", false);
        says("", true);
    }

    #[test]
    fn brackets_and_intervals_are_posix() {
        says("[[:digit:]]+", true);
        says("[]6]", true);
        says("[a\\.-]t", true);
        says("[^a-z0-9.]t", true);
        says("[--/]", true);
        says("a{,2}", true);
        says("a{2}|6", true);
        says("6{2}", false);
        says("\\w", true);
        says("\\d", false);
        says("[", false);
        says("[[:nosuch:]]", false);
    }

    #[test]
    fn what_repetitions_make_too_large_is_invalid() {
        says("(6|[a-z0-9]{1,40}){1}", true);
        let versions: Vec<String> = (0..300).map(|n| format!("6\\.{n}\\.0-x")).collect();
        says(&format!("{}|t$", versions.join("|")), true);
        for pattern in ["((6{0,255}){0,255})", "((\\w{100}){100}){0,30}", "(\\w{0,255}){0,9}"] {
            says(pattern, false);
        }
    }

    #[test]
    fn many_lines_take_no_longer_than_they_are() {
        within_a_second("800 lines", || {
            for _ in 0..400 {
                says("(\\w{0,200}){0,9}x", false);
                says("(.*[^a]){0,40}", true);
            }
        });
    }

    #[test]
    fn what_cannot_be_repeated_is_invalid() {
        says("+", false);
        says("(x", false);
        says("(x|*)", false);
        says("$?", false);
        says("\\b*", false);
        says("6{", false);
    }

    #[test]
    fn a_repetition_can_be_repeated() {
        says("x+?6", true);
        says("(x+)+?6", true);
        says("6**", true);
    }

    #[test]
    fn hostile_expressions_end() {
        for pattern in [
            "((((.{100}){100}){10}){10}){10}".to_owned(),
            "(a{1000}){1000}".to_owned(),
            "(.*.*.*.*.*.*.*.*.*.*)*x".to_owned(),
            "a?".repeat(1300) + &"a".repeat(1300),
            "x".to_owned() + &"*".repeat(4000),
            "x".to_owned() + &"*".repeat(1_000_000),
            "(".repeat(1_000_000),
            "[[:".repeat(1300),
        ] {
            let shown: String = pattern.chars().take(30).collect();
            let found = within_a_second(&shown, || matches(pattern.as_bytes(), b"6.1.0-test"));
            assert!(!found || pattern.starts_with("x*"));
        }
    }

    #[test]
    fn a_lone_closing_parenthesis_is_a_byte() {
        says(")", false);
        says("t)|6", true);
        says("()", true);
    }
}
