//! What goes to a terminal. It carries out the control characters in what it shows, and
//! names and texts are those of whoever made a module: it gets none of them.

use std::io::{self, IsTerminal, Write};

/// Shows control characters but newline, tab and NUL as U+FFFD.
pub(crate) struct Terminal<W> {
    to: W,
    /// Whether the last byte was the first of those that U+0080 to U+009F are written in.
    begun: bool,
}

impl<W> Terminal<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, begun: false }
    }
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shown = Vec::with_capacity(bytes.len());
        for byte in bytes {
            let harmful = match byte {
                b'\n' | b'\t' | 0 => false,
                0x80..=0x9f => self.begun,
                _ => byte.is_ascii_control(),
            };
            let own = std::slice::from_ref(byte);
            shown.extend_from_slice(if harmful { "\u{fffd}".as_bytes() } else { own });
            self.begun = *byte == 0xc2;
        }
        self.to.write_all(&shown)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Standard error, which may be a terminal. Most runs say nothing: it is asked when there
/// is something to say.
pub(crate) struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stream = io::stderr();
        if stream.is_terminal() {
            Terminal::new(stream).write(bytes)
        } else {
            (&stream).write(bytes)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_however_they_are_cut() {
        let text = "a\t\u{1b}[31mb\u{7f}\r\u{9b}é\u{a0}\n\0".as_bytes();
        let replaced = "\u{fffd}".as_bytes();
        for size in 1..=text.len() {
            let mut terminal = Terminal::new(Vec::new());
            text.chunks(size).for_each(|piece| terminal.write_all(piece).unwrap());
            let mut expected = b"a\t".to_vec();
            expected.extend_from_slice(replaced);
            expected.extend_from_slice(b"[31mb");
            // What is left of U+009B is no character.
            expected.extend_from_slice(&[replaced, replaced, b"\xc2", replaced].concat());
            expected.extend_from_slice("é\u{a0}\n\0".as_bytes());
            assert_eq!(terminal.to, expected, "in pieces of {size}");
        }
        let mut terminal = Terminal::new(Vec::new());
        terminal.write_all(b"\x9b\xe2\x80\x93").unwrap();
        assert_eq!(terminal.to, b"\x9b\xe2\x80\x93", "no UTF-8, and a dash");
    }
}
