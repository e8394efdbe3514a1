//! Which module a missing device node stands for (`modules.devname`).

/// A device node that a module is loaded for when somebody opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    /// Its path below `/dev`.
    pub name: &'a [u8],
    /// `None`: the module names no numbers.
    pub numbers: Option<Numbers>,
}

/// Type and numbers of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// `c` or `b`.
    pub kind: char,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// The device node in a module's aliases: the last `devname:` and the last
/// numbers up to where both are known. `None` without a `devname:`.
pub(crate) fn node<'a>(aliases: impl Iterator<Item = &'a [u8]>) -> Option<Node<'a>> {
    let mut name = None;
    let mut known = None;
    for alias in aliases {
        if let Some(rest) = alias.strip_prefix(b"devname:") {
            name = Some(rest);
        } else if let Some(found) =
            numbers(alias, b"char-major-", 'c').or_else(|| numbers(alias, b"block-major-", 'b'))
        {
            known = Some(found);
        }
        if name.is_some() && known.is_some() {
            break;
        }
    }
    Some(Node { name: name?, numbers: known })
}

/// `MAJOR-MINOR` behind `prefix`; text behind the numbers does not matter.
fn numbers(alias: &[u8], prefix: &[u8], kind: char) -> Option<Numbers> {
    let (major, rest) = number(alias.strip_prefix(prefix)?)?;
    let (minor, _) = number(rest.strip_prefix(b"-")?)?;
    Some(Numbers { kind, major, minor })
}

/// A number as scanf's `%u` reads it, and the text behind it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(count).filter(|_| count > 0)?;
    let value = digits.iter().fold(0_u64, |value, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    let value = if negative { value.wrapping_neg() } else { value };
    Some((value as u32, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(aliases: &'a [&'a str]) -> Option<Node<'a>> {
        node(aliases.iter().map(|alias| alias.as_bytes()))
    }

    #[test]
    fn the_search_stops_when_name_and_numbers_are_known() {
        let aliases =
            ["devname:a", "char-major-10-*", "devname:b", "block-major-7-2x", "devname:c"];
        let numbers = Numbers { kind: 'b', major: 7, minor: 2 };
        assert_eq!(of(&aliases), Some(Node { name: b"b", numbers: Some(numbers) }));
    }

    #[test]
    fn a_name_alone_and_numbers_alone() {
        assert_eq!(of(&["devname:x"]), Some(Node { name: b"x", numbers: None }));
        assert_eq!(of(&["char-major-1-2"]), None);
    }
}
