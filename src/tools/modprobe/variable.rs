//! `MODPROBE_OPTIONS`: words that stand before modprobe's own, and that the
//! commands it runs inherit.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::DEFINITION;
use crate::cli::Given;

/// The words of the variable, split as a shell does: blanks separate, quotes
/// and backslashes protect. A quote that is never closed reaches to the end.
pub(super) fn split(value: Option<&OsStr>) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = value.unwrap_or_default().as_bytes().iter().copied();
    let mut quote = None;
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b' ' | b'\t' | b'\n') => words.extend(word.take()),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (Some(open), byte) if open == byte => quote = None,
            (None | Some(b'"'), b'\\') => word.get_or_insert_default().extend(bytes.next()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

/// How many options of `words`, the variable's own, go on to nested runs; with `posix`
/// none behind an operand is one.
pub(super) fn inherited(words: &[OsString], posix: bool) -> usize {
    if words.is_empty() {
        return 0;
    }
    let passed_on = |id: &&str| matches!(*id, "quiet" | "verbose" | "syslog" | "config");
    let own = Given::quietly(&DEFINITION, words, posix);
    own.map_or(0, |own| own.order().filter(passed_on).count())
}

/// The variable's value for nested runs: its own and what the command line
/// adds to it; the options' ids are in `order`, the values of `config` in
/// `configs`. `None` when nothing is added. The first `inherited` of the
/// options that go on came out of the variable and are not said twice.
pub(super) fn passed_on<'o>(
    value: Option<&OsStr>,
    order: impl Iterator<Item = &'o str>,
    configs: Vec<OsString>,
    inherited: usize,
) -> Option<OsString> {
    let mut configs = configs.into_iter();
    let words = order.filter_map(|option| match option {
        "config" => Some([b"-C ", quoted(&configs.next()?).as_slice()].concat()),
        "syslog" => Some(b"-s".to_vec()),
        "quiet" => Some(b"-q".to_vec()),
        "verbose" => Some(b"-v".to_vec()),
        _ => None,
    });
    let mut added = words.skip(inherited).peekable();
    added.peek()?;
    let own = value.map(|value| value.as_bytes().to_vec()).filter(|value| !value.is_empty());
    let all: Vec<Vec<u8>> = own.into_iter().chain(added).collect();
    Some(OsString::from_vec(all.join(&b' ')))
}

/// `word` so that [`split`] gives it back; as it stands where nothing in it is
/// special.
fn quoted(word: &OsStr) -> Vec<u8> {
    let bytes = word.as_bytes();
    let plain = |&b: &u8| !matches!(b, b' ' | b'\t' | b'\n' | b'\'' | b'"' | b'\\');
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return bytes.to_vec();
    }
    let mut whole = vec![b'"'];
    for &byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            whole.push(b'\\');
        }
        whole.push(byte);
    }
    whole.push(b'"');
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(text: &str) -> Vec<String> {
        let words = split(Some(OsStr::new(text)));
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(split_text("  -q   -C 'a b' "), ["-q", "-C", "a b"]);
        assert_eq!(split_text(r#"-C "a \"b\" c"d e\ f"#), ["-C", "a \"b\" cd", "e f"]);
        assert_eq!(split_text("'' x"), ["", "x"]);
        assert_eq!(split_text("'a\\b'"), ["a\\b"]);
        assert_eq!(split_text("-C 'never closed"), ["-C", "never closed"]);
        assert_eq!(split_text("\\"), [""]);
        assert!(split(None).is_empty());
    }

    fn passed(value: Option<&str>, order: &[&str], configs: &[&str]) -> Option<String> {
        let value = value.map(OsStr::new);
        let configs = configs.iter().map(OsString::from).collect();
        let known = inherited(&split(value), false);
        passed_on(value, order.iter().copied(), configs, known)
            .map(|all| all.into_string().unwrap())
    }

    #[test]
    fn nested_runs_get_each_option_once() {
        let order = ["config", "syslog", "verbose", "quiet", "use-blacklist"];
        assert_eq!(passed(None, &order, &["r.conf"]).unwrap(), "-C r.conf -s -v -q");
        assert_eq!(
            passed(Some("-q -b"), &["quiet", "use-blacklist", "verbose"], &[]).unwrap(),
            "-q -b -v"
        );
        let order = ["config", "config"];
        assert_eq!(passed(Some("-C a"), &order, &["a", "b"]).unwrap(), "-C a -C b");
        assert_eq!(passed(Some("-q"), &["quiet", "all"], &[]), None);
        assert_eq!(passed(None, &["all"], &[]), None);
    }

    #[test]
    fn a_path_with_blanks_comes_through() {
        for path in ["a \"b\\c", "", "plain", "it's"] {
            let value = passed(None, &["config"], &[path]).unwrap();
            assert_eq!(split_text(&value), ["-C", path]);
        }
    }
}
