//! Kernel versions that a line of depmod.d is meant for.

use regex_lite::Regex;

/// Whether a line for `pattern` is meant for `version`: `*` alone is any
/// version, everything else a POSIX extended regular expression
/// (`regex`(7)) that is searched in it. An invalid one matches nothing.
pub(crate) fn matches(pattern: &[u8], version: &[u8]) -> bool {
    pattern == b"*"
        || translated(pattern).and_then(|pattern| Regex::new(&pattern).ok()).is_some_and(|regex| {
            regex.is_match(&version.iter().map(|&b| char::from(b)).collect::<String>())
        })
}

/// A POSIX expression in the words of [`Regex`], where bytes are characters of
/// the same number. `None` if invalid, or if it refers back to a group.
///
/// Not the same in both: a `?` behind another repetition, which nobody needs.
fn translated(pattern: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    // Nothing is there yet that could be repeated.
    let mut bare = true;
    let mut open = 0_u32;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let mut next_bare = false;
        match byte {
            b'*' | b'+' | b'?' | b'{' if bare => return None,
            b'\\' => {
                let (&escaped, behind) = rest.split_first()?;
                rest = behind;
                match escaped {
                    b'w' | b'W' | b's' | b'S' | b'b' | b'B' => {
                        out.extend(['\\', char::from(escaped)])
                    }
                    b'<' | b'>' => out.push_str("\\b"),
                    b'0'..=b'9' => return None,
                    literal => push(&mut out, literal),
                }
            }
            b'[' => rest = bracket(rest, &mut out)?,
            b'{' => rest = interval(rest, &mut out)?,
            b'(' => {
                open += 1;
                next_bare = true;
                out.push('(');
            }
            // Without a partner it is an ordinary byte.
            b')' if open == 0 => push(&mut out, b')'),
            b')' => {
                open -= 1;
                out.push(')');
            }
            b'|' => {
                next_bare = true;
                out.push('|');
            }
            b'.' | b'*' | b'+' | b'?' | b'$' => out.push(char::from(byte)),
            b'^' => {
                next_bare = true;
                out.push('^');
            }
            literal => push(&mut out, literal),
        }
        bare = next_bare;
    }
    Some(out)
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
