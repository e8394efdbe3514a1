use std::io::{self, Write};

/// One line in the making.
///
/// A comma is put where the byte before asks for one, so that whoever writes a
/// line only says what stands in it.
#[derive(Debug, Default)]
pub struct Line(Vec<u8>);

impl Line {
    /// An object that is open: the next is a [`Line::key`] or the end.
    pub fn new() -> Self {
        Self(vec![b'{'])
    }

    /// Ends the object, writes the line and begins the next.
    pub fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.0.extend_from_slice(b"}\n");
        out.write_all(&self.0)?;
        self.0.clear();
        self.0.push(b'{');
        Ok(())
    }

    /// A member's name; its value is the next thing written. `name` is one of
    /// ours: plain letters.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        self
    }

    /// A string; `{"bytes":"HEX"}` where `bytes` are not UTF-8.
    pub fn text(&mut self, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.object(|line| line.key("bytes").hex(bytes));
            return;
        };
        self.separate();
        self.0.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                b'\t' => self.0.extend_from_slice(b"\\t"),
                0..0x20 | 0x7f => {
                    self.0.extend_from_slice(b"\\u00");
                    self.digits(byte);
                }
                _ => self.0.push(byte),
            }
        }
        self.0.push(b'"');
    }

    /// A string: two hexadecimal digits for each byte.
    pub fn hex(&mut self, bytes: &[u8]) {
        self.separate();
        self.0.push(b'"');
        bytes.iter().for_each(|byte| self.digits(*byte));
        self.0.push(b'"');
    }

    /// A string, or null.
    pub fn maybe_text(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.text(bytes),
            None => self.null(),
        }
    }

    /// A whole number.
    pub fn number(&mut self, number: u64) {
        self.separate();
        self.0.extend_from_slice(number.to_string().as_bytes());
    }

    /// true or false.
    pub fn flag(&mut self, set: bool) {
        self.separate();
        self.0.extend_from_slice(if set { b"true" } else { b"false" });
    }

    /// null.
    pub fn null(&mut self) {
        self.separate();
        self.0.extend_from_slice(b"null");
    }

    /// An object within, with the members that `members` writes.
    pub fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(b'{');
        members(self);
        self.0.push(b'}');
    }

    /// An array, with what `each` writes of each of `items`.
    pub fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.separate();
        self.0.push(b'[');
        for item in items {
            each(self, item);
        }
        self.0.push(b']');
    }

    /// An array of strings.
    pub fn texts<'t>(&mut self, items: impl IntoIterator<Item = &'t [u8]>) {
        self.array(items, Self::text);
    }

    fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(b',');
        }
    }

    fn digits(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for nibble in [byte >> 4, byte & 15] {
            self.0.extend(DIGITS.get(usize::from(nibble)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(members: impl FnOnce(&mut Line)) -> Value {
        let (mut line, mut out) = (Line::new(), Vec::new());
        members(&mut line);
        line.write(&mut out).unwrap();
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_line_holds_what_was_said() {
        let shown = value(|line| {
            line.key("a").text(b"x");
            line.key("large").number(u64::MAX);
            line.key("none").maybe_text(None);
            line.key("list").texts([&b""[..], b"b"]);
            line.key("empty").texts([]);
            line.key("objects").array([true, false], |line, set| {
                line.object(|line| line.key("set").flag(set));
            });
            line.key("last").object(|_| {});
        });
        let expected = json!({
            "a": "x", "large": u64::MAX, "none": null, "list": ["", "b"], "empty": [],
            "objects": [{"set": true}, {"set": false}], "last": {},
        });
        assert_eq!(shown, expected);
        assert_eq!(value(|_| {}), json!({}));
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for end in 0..=all.len() {
            let bytes = &all[..end];
            let shown = value(|line| line.key("x").text(bytes));
            match std::str::from_utf8(bytes) {
                Ok(text) => assert_eq!(shown["x"], text),
                Err(_) => {
                    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    assert_eq!(shown["x"], json!({ "bytes": hex }));
                }
            }
        }
        assert_eq!(
            value(|line| line.key("x").text("\u{e9}\u{2028}".as_bytes()))["x"],
            "\u{e9}\u{2028}"
        );
    }

    #[test]
    fn no_control_character_stands_in_a_line() {
        let (mut line, mut out) = (Line::new(), Vec::new());
        line.key("x").text(b"\x1b[2J\x7f\x00\r");
        line.write(&mut out).unwrap();
        assert_eq!(out, b"{\"x\":\"\\u001b[2J\\u007f\\u0000\\u000d\"}\n");
    }
}
