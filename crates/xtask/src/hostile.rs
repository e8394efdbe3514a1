//! Names that an unprivileged user may have the kernel ask modprobe for: it puts `fs-`,
//! `net-pf-` or `crypto-` before what the user says, and allows 55 bytes in all.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::random::Dice;

/// Bytes in the longest name (MODULE_NAME_LEN without its NUL).
const LONGEST: usize = 55;

/// What such names are put together from.
const PIECES: [&[u8]; 32] = [
    b"fs-",
    b"net-pf-",
    b"crypto-",
    b"-proto-",
    b"char-major-",
    b"symbol:",
    b"*",
    b"?",
    b"[",
    b"]",
    b"[a-",
    b"[!a]",
    b"[[:alpha:]]",
    b"[]",
    b"\\",
    b"/",
    b"../",
    b"$(x)",
    b"`x`",
    b";",
    b"'",
    b"\"",
    b" ",
    b"\n",
    b"\t",
    b"\x7f",
    b"\xc3\xa9",
    b"\xff",
    b"%s",
    b".",
    b"-",
    b"_aaaa",
];

/// So many names: pieces one after another, and aliases with pieces in them.
pub fn names(aliases: &[OsString], count: usize) -> Vec<OsString> {
    let mut dice = Dice::new(55);
    let name = |_| {
        let mut name = match dice.below(5) {
            0 | 1 => altered(&mut dice, aliases),
            _ => (0..=dice.below(12)).flat_map(|_| piece(&mut dice)).copied().collect(),
        };
        // A path is not what the kernel asks for.
        if name.starts_with(b"/") || name.starts_with(b".") || name.is_empty() {
            name.splice(0..0, *b"fs-");
        }
        name.truncate(LONGEST);
        OsString::from_vec(name)
    };
    (0..count).map(name).collect()
}

/// An alias with some of its bytes replaced.
fn altered(dice: &mut Dice, aliases: &[OsString]) -> Vec<u8> {
    let alias = aliases.get(dice.below(aliases.len())).cloned().unwrap_or_default();
    let mut alias = alias.into_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(alias.len());
        let end = (at + 1).min(alias.len());
        alias.splice(at..end, piece(dice).iter().copied());
    }
    alias
}

fn piece(dice: &mut Dice) -> &'static [u8] {
    PIECES[dice.below(PIECES.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn names_are_as_the_kernel_allows_them() {
        let names = names(&["pci:v00008086d00001234sv".into()], 2000);
        assert!(names.iter().all(|name| (1..=LONGEST).contains(&name.len())));
        assert!(names.iter().all(|name| !name.as_bytes().contains(&0)));
        for needle in [&b"*"[..], b"[a-", b"\n", b"pci:"] {
            let has = |name: &&OsString| name.as_bytes().windows(needle.len()).any(|w| w == needle);
            assert!(names.iter().filter(has).count() > 50);
        }
    }
}
