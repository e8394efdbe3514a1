//! What the kernel itself exports: `Module.symvers` or `System.map`.

use crate::finding::{Finding, Sink};
use crate::symbols::{Owner, Symbols};

/// Always there, or made by the linker.
const IMPLIED: [&[u8]; 3] = [b"__this_module", b"_GLOBAL_OFFSET_TABLE_", b"TOC."];

/// The symbols of a kernel, for [`Checks`](crate::Checks).
#[derive(Debug, Default)]
pub struct KernelSymbols {
    symbols: Vec<(Vec<u8>, u64)>,
}

impl KernelSymbols {
    /// Those that the text of a `Module.symvers` (kernel:
    /// Documentation/kbuild/modules.rst) gives to `vmlinux`, with their
    /// versions. `file` names it in findings.
    pub fn from_symvers(text: &[u8], file: &[u8], prefix: Option<u8>, sink: &mut Sink<'_>) -> Self {
        let mut found = Self::implied();
        for (number, line) in lines(text) {
            let mut fields = line.split(|&b| b == b' ' || b == b'\t').filter(|f| !f.is_empty());
            let (Some(version), Some(name), Some(b"vmlinux")) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            match hexadecimal(version) {
                Some(crc) => {
                    let name = match (name, prefix) {
                        ([first, rest @ ..], Some(prefix)) if *first == prefix => rest,
                        _ => name,
                    };
                    found.symbols.push((name.to_vec(), crc));
                }
                None => sink(Finding::SymversVersion { file, number, version }),
            }
        }
        found
    }

    /// Those that the text of a `System.map` marks as exported: lines
    /// `ADDRESS TYPE __ksymtab_NAME`, behind a `prefix` if the architecture
    /// has one. They have no versions.
    pub fn from_system_map(
        text: &[u8],
        file: &[u8],
        prefix: Option<u8>,
        sink: &mut Sink<'_>,
    ) -> Self {
        let mut found = Self::implied();
        let marker: Vec<u8> = prefix.into_iter().chain(*b"__ksymtab_").collect();
        for (number, line) in lines(text) {
            let mut fields = line.splitn(3, |&b| b == b' ');
            let (Some(_), Some(_), Some(name)) = (fields.next(), fields.next(), fields.next())
            else {
                sink(Finding::SystemMapLine { file, number, line });
                continue;
            };
            let name = name.strip_suffix(b"\n").unwrap_or(name);
            if let Some(name) = name.strip_prefix(marker.as_slice()) {
                found.symbols.push((name.to_vec(), 0));
            }
        }
        found
    }

    fn implied() -> Self {
        Self { symbols: IMPLIED.iter().map(|name| (name.to_vec(), 0)).collect() }
    }

    /// Enters them; modules may export the same symbols later.
    pub fn enter(&self, symbols: &mut Symbols) {
        for (name, crc) in &self.symbols {
            let symbol = symbols.intern(name);
            symbols.export(symbol, Owner::Kernel, *crc);
        }
    }
}

/// Lines with their numbers from 1 and their ends: a word at the end of a
/// line is another word than one before a blank.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(text.split_inclusive(|&b| b == b'\n'))
}

/// A number as `strtoull` with base 16 takes it, saturating; `None` when
/// anything is left over.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = match digits {
        [b'0', b'x' | b'X', rest @ ..] => rest,
        _ => digits,
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    let mut saturated = false;
    for &digit in digits {
        let digit = char::from(digit).to_digit(16)?;
        saturated |= value >> 60 != 0;
        value = value << 4 | u64::from(digit);
    }
    Some(match (saturated, negative) {
        (true, _) => u64::MAX,
        (false, true) => value.wrapping_neg(),
        (false, false) => value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symvers(text: &str) -> (Vec<(String, u64)>, Vec<String>) {
        let mut bad = Vec::new();
        let found = KernelSymbols::from_symvers(text.as_bytes(), b"f", None, &mut |finding| {
            if let Finding::SymversVersion { number, version, .. } = finding {
                bad.push(format!("{number} {}", String::from_utf8_lossy(version)));
            }
        });
        (names(&found), bad)
    }

    fn names(found: &KernelSymbols) -> Vec<(String, u64)> {
        let own = found.symbols.iter().skip(IMPLIED.len());
        own.map(|(name, crc)| (String::from_utf8_lossy(name).into_owned(), *crc)).collect()
    }

    #[test]
    fn symvers_gives_what_vmlinux_exports() {
        let text = "0x12\ta\tvmlinux\tEXPORT_SYMBOL\t\n0x13\tb\tfs/b\tEXPORT_SYMBOL\t\n\
                    0x14 c vmlinux\n0x15\n\n-1 d vmlinux \n0x16 e vmlinux";
        let expected = [("a", 0x12), ("d", u64::MAX), ("e", 0x16)];
        assert_eq!(symvers(text).0, expected.map(|(name, crc)| (name.to_owned(), crc)));
    }

    #[test]
    fn versions_that_are_no_numbers_are_told() {
        let text = "zz a vmlinux \n0x12zz b vmlinux \n0x c vmlinux \nnonsense line here\n";
        assert_eq!(symvers(text), (vec![], ["1 zz", "2 0x12zz", "3 0x"].map(str::to_owned).into()));
    }

    #[test]
    fn a_system_map_gives_what_has_a_ksymtab_entry() {
        let text = b"ff T a\nff r __ksymtab_b\nff D __ksymtab_c d\nbad\nff r  __ksymtab_e\nff r\n";
        let mut bad = Vec::new();
        let mut sink = |finding: Finding<'_>| {
            if let Finding::SystemMapLine { number, line, .. } = finding {
                bad.push((number, line.to_vec()));
            }
        };
        let found = KernelSymbols::from_system_map(text, b"f", None, &mut sink);
        assert_eq!(names(&found), [("b".to_owned(), 0), ("c d".to_owned(), 0)]);
        assert_eq!(bad, [(4, b"bad\n".to_vec()), (6, b"ff r\n".to_vec())]);
    }

    #[test]
    fn the_stub_that_stands_for_a_real_map_exports_nothing() {
        let text = b"ffffffffffffffff B The real System.map is in the linux-image package\n";
        let found =
            KernelSymbols::from_system_map(text, b"f", None, &mut |finding| panic!("{finding:?}"));
        assert_eq!(names(&found), []);
    }

    #[test]
    fn an_architecture_s_prefix_stands_before_the_marker() {
        let text = b"f R ___ksymtab_t1\nf R __ksymtab__t2\nf R ___ksymtab__t3\n";
        let found = KernelSymbols::from_system_map(text, b"f", Some(b'_'), &mut |_| {});
        assert_eq!(names(&found), [("t1".to_owned(), 0), ("_t3".to_owned(), 0)]);
    }
}
