//! Module parameters on a command line: `insmod FILE k=v...`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The words as the one string that the kernel takes: joined by blanks, and a
/// value that holds a blank in double quotes, unless it begins with a quote.
pub(super) fn join(words: &[OsString]) -> Vec<u8> {
    let mut joined = Vec::new();
    for word in words {
        let word = word.as_bytes();
        if !joined.is_empty() {
            joined.push(b' ');
        }
        let value = word
            .iter()
            .position(|&b| b == b'=')
            .and_then(|at| word.split_at_checked(at.saturating_add(1)));
        match value {
            Some((name, value)) if needs_quotes(value) => {
                joined.extend_from_slice(name);
                joined.push(b'"');
                joined.extend_from_slice(value);
                joined.push(b'"');
            }
            _ => joined.extend_from_slice(word),
        }
    }
    joined
}

fn needs_quotes(value: &[u8]) -> bool {
    value.contains(&b' ') && !matches!(value.first(), Some(b'"' | b'\''))
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn values_with_blanks_are_quoted() {
        let words: Vec<_> = [
            "a b=c d",
            "x='a b'",
            "y=\"a b\"",
            "z=a\tb",
            "=a b",
            "a=",
            " ",
            "",
            "k=a b=c",
            "k=a\"b c",
            "k='",
        ]
        .iter()
        .map(Into::into)
        .collect();
        let expected =
            "a b=\"c d\" x='a b' y=\"a b\" z=a\tb =\"a b\" a=    k=\"a b=c\" k=\"a\"b c\" k='";
        assert_eq!(join(&words), expected.as_bytes());
        assert_eq!(join(&["".into(), "x".into()]), b"x");
        assert_eq!(join(&[]), b"");
    }
}
