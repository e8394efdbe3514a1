//! `$CMDLINE_OPTS` of `install` commands: options become words of a shell
//! command, and never more than words.
//!
//! kmod puts the text of the options in the place of `$CMDLINE_OPTS` and lets
//! the shell read the whole. So does komod, as long as there is nothing in the
//! text that a shell takes for more than words, whatever quotes stand around
//! the place: that is nearly always so. Any other text never comes under the
//! shell's eyes; it is handed over beside the command, where `$CMDLINE_OPTS`
//! gives way to
//!
//! | where it stands | what the shell reads | it gets |
//! |---|---|---|
//! | in the open | `"$@"` | the words, one by one |
//! | in double quotes | `${CMDLINE_OPTS}` | the text |
//! | in single quotes | as it is | a shell started there finds the text in its environment |
//!
//! Which of them holds is found out in a simple way. If that went wrong, words
//! would be split elsewhere, but still nothing of them be carried out by this shell.
//! What the command itself does with them is its own: one that hands a text on to
//! another shell (`sh -c "..."`) has that shell read it.

/// What `$CMDLINE_OPTS` is in a command.
const VARIABLE: &[u8] = b"$CMDLINE_OPTS";

/// A configured command, ready for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The command with the text of the options in it: what people are shown.
    pub text: Vec<u8>,
    /// What the shell reads.
    pub(crate) script: Vec<u8>,
    /// What `"$@"` stands for in it.
    pub(crate) words: Vec<Vec<u8>>,
    /// What `CMDLINE_OPTS` of its environment holds.
    pub(crate) variable: Option<Vec<u8>>,
}

impl CommandLine {
    /// `command` as configured, for a module that gets `options`.
    #[inline(never)] // it would be built for speed where it is called
    pub fn new(command: &[u8], options: &[u8]) -> Self {
        let text = replaced(command, |_| options);
        if is_plain(options) || text == command {
            return Self { script: text.clone(), text, words: Vec::new(), variable: None };
        }
        let script = replaced(command, |place| match place {
            Place::Open => b"\"$@\"",
            Place::DoubleQuotes => b"${CMDLINE_OPTS}",
            Place::SingleQuotes => VARIABLE,
        });
        Self { text, script, words: words(options), variable: Some(options.to_vec()) }
    }
}

/// Whether a shell takes this for words and blanks, in the open and between
/// quotes of either kind.
fn is_plain(options: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || b" \t\"_@%+=:,./-".contains(byte);
    let quotes = options.iter().filter(|&&byte| byte == b'"').count();
    quotes % 2 == 0 && options.iter().all(word)
}

/// The words of `options`: blanks part them, but not between two quotes, which
/// are no part of a word themselves. A quote without its partner is.
fn words(options: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut rest = options;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b' ' | b'\t' | b'\n' => words.extend(word.take()),
            b'"' | b'\'' => {
                let word = word.get_or_insert_default();
                match behind.iter().position(|&other| other == byte) {
                    Some(end) => {
                        let (quoted, behind) = behind.split_at(end);
                        word.extend_from_slice(quoted);
                        rest = behind.get(1..).unwrap_or_default();
                    }
                    None => word.push(byte),
                }
            }
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

/// Where in a shell's text something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Open,
    DoubleQuotes,
    SingleQuotes,
}

/// `command` with what `with` says in the place of every `$CMDLINE_OPTS`. What
/// was put in is not looked at again.
fn replaced<'t>(command: &[u8], with: impl Fn(Place) -> &'t [u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(command.len());
    let mut place = Place::Open;
    let mut escaped = false;
    let mut rest = command;
    while let Some((&first, behind)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(VARIABLE) {
            whole.extend_from_slice(with(place));
            escaped = false;
            rest = behind;
            continue;
        }
        place = match (place, first) {
            (place, _) if escaped => place,
            (Place::Open, b'"') => Place::DoubleQuotes,
            (Place::Open, b'\'') => Place::SingleQuotes,
            (Place::DoubleQuotes, b'"') | (Place::SingleQuotes, b'\'') => Place::Open,
            (place, _) => place,
        };
        escaped = first == b'\\' && !escaped && place != Place::SingleQuotes;
        whole.push(first);
        rest = behind;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_replaced_once() {
        let line = CommandLine::new(b"a $CMDLINE_OPTS b$CMDLINE_OPTSc", b"x=1");
        assert_eq!(line.script, b"a x=1 bx=1c");
        assert_eq!(line.text, line.script);
        let line = CommandLine::new(b"a $CMDLINE_OPTS", b"x=$CMDLINE_OPTS");
        assert_eq!(line.text, b"a x=$CMDLINE_OPTS");
        assert_eq!(line.script, b"a \"$@\"");
        assert_eq!(CommandLine::new(b"$CMDLINE_OPT", b"x").script, b"$CMDLINE_OPT");
        assert_eq!(CommandLine::new(b"", b"x").script, b"");
        assert_eq!(CommandLine::new(b"a $CMDLINE_OPTS b", b"").script, b"a  b");
    }

    #[test]
    fn words_are_the_texts_of_a_shell_without_its_syntax() {
        for (options, expected) in [
            ("x=1 y=2", vec!["x=1", "y=2"]),
            ("x=\"a b;c\"  y='d e'", vec!["x=a b;c", "y=d e"]),
            ("x=$(a b)", vec!["x=$(a", "b)"]),
            ("x=a\"b y", vec!["x=a\"b", "y"]),
            ("x=\"\" \"\"", vec!["x=", ""]),
            ("x=\\a\n\n;b", vec!["x=\\a", ";b"]),
            (" ", vec![]),
        ] {
            let expected: Vec<Vec<u8>> = expected.iter().map(|w| w.as_bytes().to_vec()).collect();
            assert_eq!(words(options.as_bytes()), expected, "{options}");
        }
    }

    #[test]
    fn only_words_are_put_into_a_command_as_text() {
        for plain in ["x=1 y=0x10,/dev/sda1:a-b_c%d@e.f+g", "x=\"a b\"", ""] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        for bad in "; & | < > ( ) $ ` \\ ' * ? [ ] # ~ { } ! ^ \n \0 \x7f \u{e9}".split(' ') {
            assert!(!is_plain(format!("x={bad}").as_bytes()), "{bad:?}");
        }
        assert!(!is_plain(b"x=a\"b"));
    }

    #[test]
    fn the_place_decides_how_the_shell_gets_it() {
        for (command, script) in [
            ("a $CMDLINE_OPTS", "a \"$@\""),
            (
                "a \"b $CMDLINE_OPTS\" 'c $CMDLINE_OPTS'",
                "a \"b ${CMDLINE_OPTS}\" 'c $CMDLINE_OPTS'",
            ),
            ("a \\\" $CMDLINE_OPTS", "a \\\" \"$@\""),
            ("a '\\' $CMDLINE_OPTS", "a '\\' \"$@\""),
            ("a \"it's\" $CMDLINE_OPTS", "a \"it's\" \"$@\""),
        ] {
            let line = CommandLine::new(command.as_bytes(), b"x=;");
            assert_eq!(String::from_utf8_lossy(&line.script), script);
        }
    }
}
