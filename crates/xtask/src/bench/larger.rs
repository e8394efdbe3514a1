//! A kernel with twice or four times the modules: each once more under other
//! names.
//!
//! A copy exports and needs symbols of its own: what the module beside it has
//! exported stands in the copy under a new name of the same length, and what a
//! copy needs of a module it needs of that module's copy. The kernel's own
//! symbols and the aliases stay.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// The names of all symbols that modules export, and their names in copies.
#[derive(Debug, Default)]
pub struct Names {
    exported: HashSet<Vec<u8>>,
}

/// The names of one set of copies.
pub type Renamed = HashMap<Vec<u8>, Vec<u8>>;

impl Names {
    /// Takes note of what a module exports. `None` if it is no 64-bit
    /// little-endian module.
    pub fn note(&mut self, module: &[u8]) -> Option<()> {
        let parts = Parts::of(module)?;
        for symbol in parts.symbols() {
            if let Some(name) = parts.name(module, symbol)?.strip_prefix(b"__crc_") {
                self.exported.insert(name.to_vec());
            }
        }
        Some(())
    }

    /// New names, of which none is that of another symbol.
    pub fn renamed(&mut self) -> Renamed {
        let mut names: Vec<Vec<u8>> = self.exported.iter().cloned().collect();
        names.sort();
        let mut renamed = Renamed::new();
        for name in names {
            let free = candidates(&name).find(|other| !self.exported.contains(other));
            if let Some(other) = free {
                self.exported.insert(other.clone());
                renamed.insert(name, other);
            }
        }
        renamed
    }
}

/// `name` with one byte of it, the last first, replaced.
fn candidates(name: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..name.len()).rev().flat_map(move |at| {
        (b'0'..=b'9').chain(b'A'..=b'Z').map(move |byte| {
            let mut other = name.to_vec();
            other[at] = byte;
            other
        })
    })
}

/// The module with its symbols renamed. `None` if it is no module as
/// [`Names::note`] wants it.
pub fn copy(module: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
    let parts = Parts::of(module)?;
    let mut out = module.to_vec();
    let mut more = Vec::new();
    for symbol in parts.symbols() {
        let name = parts.name(module, symbol)?;
        let (prefix, bare) = match name.strip_prefix(b"__crc_") {
            Some(bare) => (&b"__crc_"[..], bare),
            None => (&b""[..], name),
        };
        if let Some(other) = renamed.get(bare) {
            let at = u32::try_from(parts.names.len() + more.len()).ok()?;
            out.get_mut(symbol..symbol + 4)?.copy_from_slice(&at.to_le_bytes());
            more.extend_from_slice(prefix);
            more.extend_from_slice(other);
            more.push(0);
        }
    }
    for record in parts.versions.clone().step_by(64) {
        rename_at(&mut out, record + 8, renamed);
    }
    let mut at = parts.strings.start;
    while at < parts.strings.end {
        at += rename_at(&mut out, at, renamed) + 1;
    }
    parts.grown(out, more)
}

/// Renames the string at `at`; its length.
fn rename_at(out: &mut [u8], at: usize, renamed: &Renamed) -> usize {
    let rest = out.get_mut(at..).unwrap_or_default();
    let length = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    if let Some(other) = renamed.get(&rest[..length]) {
        rest[..length].copy_from_slice(other);
    }
    length
}

/// Where the parts of a module lie that hold names of symbols.
struct Parts {
    /// The section headers' place and number.
    headers: (usize, usize),
    symbols: Range<usize>,
    /// The strings of the symbols: their place, and their header's.
    names: Range<usize>,
    names_header: usize,
    versions: Range<usize>,
    strings: Range<usize>,
}

const HEADER: usize = 64;
const SYMBOL: usize = 24;
const SYMTAB: u64 = 2;

impl Parts {
    fn of(module: &[u8]) -> Option<Self> {
        if !module.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let start = size(module, 0x28, 8)?;
        let count = size(module, 0x3c, 2)?;
        let section_names = range(module, start + HEADER * size(module, 0x3e, 2)?)?;
        let mut symbols = None;
        let (mut versions, mut strings) = (0..0, 0..0);
        for header in (0..count).map(|number| start + HEADER * number) {
            if read(module, header + 4, 4)? == SYMTAB {
                let link = start + HEADER * size(module, header + 0x28, 4)?;
                symbols = Some((range(module, header)?, link));
            }
            let name = section_names.start + size(module, header, 4)?;
            match string(module, name)? {
                b"__versions" => versions = range(module, header)?,
                b"__ksymtab_strings" => strings = range(module, header)?,
                _ => {}
            }
        }
        let (symbols, names_header) = symbols?;
        let names = range(module, names_header)?;
        Some(Self { headers: (start, count), symbols, names, names_header, versions, strings })
    }

    /// The places of all symbols' records.
    fn symbols(&self) -> impl Iterator<Item = usize> + use<> {
        self.symbols.clone().step_by(SYMBOL)
    }

    fn name<'m>(&self, module: &'m [u8], symbol: usize) -> Option<&'m [u8]> {
        string(module, self.names.start + size(module, symbol, 4)?)
    }

    /// The module with `more` behind its symbols' strings; what lies behind
    /// moves.
    fn grown(&self, mut out: Vec<u8>, mut more: Vec<u8>) -> Option<Vec<u8>> {
        let length = self.names.len() + more.len();
        more.resize(more.len().next_multiple_of(64), 0);
        let (start, count) = self.headers;
        write(&mut out, self.names_header + 0x20, length)?;
        for header in (0..count).map(|number| start + HEADER * number) {
            let offset = size(&out, header + 0x18, 8)?;
            if offset >= self.names.end && header != self.names_header {
                write(&mut out, header + 0x18, offset + more.len())?;
            }
        }
        if start >= self.names.end {
            write(&mut out, 0x28, start + more.len())?;
        }
        out.splice(self.names.end..self.names.end, more);
        Some(out)
    }
}

/// The contents of the section with this header.
fn range(module: &[u8], header: usize) -> Option<Range<usize>> {
    let start = size(module, header + 0x18, 8)?;
    let end = start.checked_add(size(module, header + 0x20, 8)?)?;
    (end <= module.len()).then_some(start..end)
}

fn string(module: &[u8], at: usize) -> Option<&[u8]> {
    module.get(at..)?.split(|&byte| byte == 0).next()
}

fn read(module: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = module.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

fn size(module: &[u8], at: usize, width: usize) -> Option<usize> {
    read(module, at, width)?.try_into().ok()
}

fn write(out: &mut [u8], at: usize, value: usize) -> Option<()> {
    let bytes = u64::try_from(value).ok()?.to_le_bytes();
    out.get_mut(at..at + 8)?.copy_from_slice(&bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use komod_fixtures::{Class, ModuleSpec};

    use super::*;

    fn has(module: &[u8], word: &str) -> bool {
        let word = [word.as_bytes(), b"\0"].concat();
        module.windows(word.len()).any(|window| window == word)
    }

    #[test]
    fn a_copy_exports_and_needs_under_new_names_what_modules_export() {
        let a = ModuleSpec::new("a").export_in_section("one", 1).export("two", 2).build();
        let b = ModuleSpec::new("b").needs("one").version("one", 1).needs("printk").build();
        let mut names = Names::default();
        names.note(&a).unwrap();
        names.note(&b).unwrap();
        let first = names.renamed();
        let second = names.renamed();
        assert_eq!((first.len(), second.len()), (2, 4));
        let new = &first[&b"one".to_vec()];
        assert_eq!(new, b"on0");
        let copies = [copy(&a, &first).unwrap(), copy(&b, &first).unwrap()];
        for (module, what) in copies.iter().zip(["__crc_on0", "on0"]) {
            let parts = Parts::of(module).unwrap();
            let all: Vec<&[u8]> =
                parts.symbols().map(|symbol| parts.name(module, symbol).unwrap()).collect();
            assert!(all.contains(&what.as_bytes()), "{what}");
            assert!(!all.contains(&&b"one"[..]) && !all.contains(&&b"__crc_one"[..]));
        }
        let parts = Parts::of(&copies[1]).unwrap();
        assert!(parts.symbols().any(|at| parts.name(&copies[1], at) == Some(b"printk")));
        assert_eq!(&copies[1][parts.versions.clone()][8..12], b"on0\0");
        assert!(has(&copies[0][Parts::of(&copies[0]).unwrap().strings], "on0"));
    }

    #[test]
    fn other_files_and_half_ones_have_no_copy() {
        let spec = ModuleSpec::new("a").export("one", 1).needs("two");
        let renamed = Renamed::from([(b"one".to_vec(), b"on1".to_vec())]);
        let module = spec.build();
        for length in 0..module.len() {
            let _ = copy(&module[..length], &renamed);
        }
        assert!(copy(&spec.clone().class(Class::Elf32).build(), &renamed).is_none());
        assert!(Names::default().note(b"text").is_none());
    }
}
