//! One line to words, as `tree` and `calls` are written.
//!
//! Words are separated by blanks. Inside `"..."` blanks belong to the word and
//! `\n \t \\ \" \xHH` stand for a byte; quotes may begin within a word
//! (`parm="debug:some text"`).

use crate::Trouble;

/// The words of a line.
///
/// # Errors
/// An open quote, or an escape that is none of those above.
pub fn split(line: &str) -> Result<Vec<Vec<u8>>, Trouble> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b'\\' if quoted => word.get_or_insert_default().push(escaped(&mut bytes, line)?),
            b' ' | b'\t' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    if quoted {
        return Err(Trouble(format!("no closing quote: {line}")));
    }
    words.extend(word);
    Ok(words)
}

/// The words of a line, as text.
///
/// # Errors
/// As [`split`], and words that are not UTF-8.
pub fn split_text(line: &str) -> Result<Vec<String>, Trouble> {
    split(line)?.into_iter().map(text).collect()
}

/// A word's bytes as text.
///
/// # Errors
/// Bytes that are not UTF-8.
pub fn text(word: Vec<u8>) -> Result<String, Trouble> {
    String::from_utf8(word).map_err(|e| Trouble(format!("not UTF-8: {e}")))
}

/// A word in quotes that [`split`] reads back.
pub fn quote(word: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for &byte in word {
        match byte {
            b'\n' => quoted.push_str("\\n"),
            b'\t' => quoted.push_str("\\t"),
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            0x20..=0x7e => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

fn escaped(bytes: &mut std::str::Bytes<'_>, line: &str) -> Result<u8, Trouble> {
    let bad = || Trouble(format!("unknown escape: {line}"));
    match bytes.next().ok_or_else(bad)? {
        b'n' => Ok(b'\n'),
        b't' => Ok(b'\t'),
        byte @ (b'"' | b'\\') => Ok(byte),
        b'x' => {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(bytes.next()), digit(bytes.next()));
            let value = high.zip(low).map(|(high, low)| high * 16 + low);
            value.and_then(|value| u8::try_from(value).ok()).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quotes() {
        assert_eq!(split_text("  a\tb  c ").unwrap(), ["a", "b", "c"]);
        assert_eq!(split_text(r#"parm="x: y z" """#).unwrap(), ["parm=x: y z", ""]);
        assert_eq!(split(r#""\x00\xff\n\"\\""#).unwrap(), [b"\x00\xff\n\"\\".to_vec()]);
        assert_eq!(split_text(r"C:\dir").unwrap(), [r"C:\dir"]);
    }

    #[test]
    fn broken_lines_are_refused() {
        assert!(split("\"open").is_err());
        assert!(split(r#""\q""#).is_err());
        assert!(split(r#""\x4""#).is_err());
        assert!(split_text(r#""\xff""#).is_err());
    }

    #[test]
    fn every_byte_survives_quoting() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(split(&quote(&all)).unwrap(), [all]);
    }
}
