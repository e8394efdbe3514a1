use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use komod_elf::Module;
use komod_file::read_now;
use komod_name::ModuleName;

use crate::facts::{KernelFacts, contents};

/// Who has a symbol for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exporter {
    /// The kernel image.
    Kernel,
    /// A module of the tree.
    Module {
        /// Its name.
        module: ModuleName,
        /// Its file; `None` if `modules.dep` lists none.
        path: Option<PathBuf>,
    },
}

/// Symbols by their names.
pub(crate) type Table = BTreeMap<Vec<u8>, Export>;

/// What is known of a symbol that somebody exports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// Its checksum, if a list tells.
    pub crc: Option<u64>,
    /// Whether modules with a licence of their own may not use it, if a list tells.
    pub gpl: Option<bool>,
    /// The namespace that a user has to import, empty without one; if a list tells.
    pub namespace: Option<Vec<u8>>,
}

/// What the kernel image exports, by the first of these that can be read:
/// `Module.symvers` of the kernel's headers, `System.map`, for the running kernel
/// `/proc/kallsyms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnExports {
    /// The list.
    pub source: PathBuf,
    symbols: Table,
}

impl OwnExports {
    /// What is known of `symbol`; `None` if the kernel image does not export it.
    pub fn get(&self, symbol: &[u8]) -> Option<&Export> {
        self.symbols.get(symbol)
    }

    pub(crate) fn find(kernel: &KernelFacts<'_>) -> Option<Self> {
        let (dir, root) = (kernel.database().dir(), kernel.root());
        let release = String::from_utf8_lossy(kernel.release());
        let lists: [(PathBuf, Reader); 7] = [
            (dir.join("build/Module.symvers"), symvers),
            (root.join(format!("usr/src/linux-headers-{release}/Module.symvers")), symvers),
            (dir.join("symvers.gz"), symvers),
            (root.join(format!("boot/symvers-{release}.gz")), symvers),
            (dir.join("System.map"), system_map),
            (root.join(format!("boot/System.map-{release}")), system_map),
            (root.join("proc/kallsyms"), system_map),
        ];
        let last = if kernel.is_running() { lists.len() } else { lists.len().saturating_sub(1) };
        lists.into_iter().take(last).find_map(|(source, read)| {
            // The kernel's own list says that it is empty, as all files of /proc do.
            let symbols = read(&contents(&source).or_else(|| read_now(&source).ok())?);
            // Debian's System.map says only where the real one is.
            (!symbols.is_empty()).then_some(Self { source, symbols })
        })
    }
}

/// What a list of one kind says.
type Reader = fn(&[u8]) -> Table;

/// What the module in the file at `path` exports; nothing if it cannot be read.
pub(crate) fn of_module(path: &Path) -> Table {
    let bytes = contents(path).unwrap_or_default();
    let Ok(module) = Module::parse(&bytes) else { return Table::new() };
    let terms = module.export_terms();
    let mut found = Table::new();
    for export in module.exports().ok().flatten().unwrap_or_default() {
        let terms = terms.iter().find(|(name, _)| *name == export.name).map(|(_, terms)| terms);
        let (gpl, namespace) = (terms.map(|t| t.gpl), terms.map(|t| t.namespace.to_vec()));
        let crc = Some(export.crc).filter(|&crc| crc != 0 && crc != u64::MAX);
        found.insert(export.name.to_vec(), Export { crc, gpl, namespace });
    }
    found
}

/// Lines `CRC SYMBOL vmlinux EXPORT_SYMBOL[_GPL] [NAMESPACE]`, tabs between (kernel:
/// Documentation/kbuild/modules.rst).
fn symvers(text: &[u8]) -> Table {
    let mut found = Table::new();
    for line in text.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b'\t');
        let (Some(crc), Some(name), Some(b"vmlinux")) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let crc = std::str::from_utf8(crc).ok().and_then(|crc| crc.strip_prefix("0x"));
        let crc = crc.and_then(|crc| u64::from_str_radix(crc, 16).ok());
        let gpl = fields.next().map(|kind| kind.ends_with(b"_GPL"));
        let export = Export {
            // Without versions all are 0.
            crc: crc.filter(|&crc| crc != 0),
            gpl,
            namespace: Some(fields.next().unwrap_or_default().to_vec()),
        };
        found.insert(name.to_vec(), export);
    }
    found
}

/// Lines `ADDRESS TYPE SYMBOL`: what is exported has a `__ksymtab_SYMBOL`, which lies
/// among those for everybody or for the GPL alone. Symbols of modules have the module's
/// name behind them. Addresses that are hidden are 0.
fn system_map(text: &[u8]) -> Table {
    let mut found = Table::new();
    let mut places = Vec::new();
    let (mut start, mut stop) = (0, 0);
    for line in text.split(|&byte| byte == b'\n') {
        let mut fields = line.splitn(3, |&byte| byte == b' ');
        let (Some(address), Some(_), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let known = name.strip_prefix(b"__ksymtab_");
        let (first, last): (&[u8], &[u8]) = (b"__start___ksymtab_gpl", b"__stop___ksymtab_gpl");
        if known.is_none() && name != first && name != last || name.contains(&b'\t') {
            continue;
        }
        let address = std::str::from_utf8(address).ok();
        let address = address.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
        match known {
            Some(name) => places.push((name, address)),
            None if name == first => start = address,
            None => stop = address,
        }
    }
    for (name, address) in places {
        let gpl = (start != 0 && address != 0).then(|| (start..stop).contains(&address));
        found.insert(name.to_vec(), Export { crc: None, gpl, namespace: None });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_build_tell_all() {
        let text = b"0x0000abcd\tf\tvmlinux\tEXPORT_SYMBOL\t\n\
            0x00000001\tg\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\n\
            0x2\th\tdrivers/a/a\tEXPORT_SYMBOL\t\nbad\n";
        let found = symvers(text);
        let f = &found[&b"f"[..]];
        assert_eq!(
            (f.crc, f.gpl, f.namespace.as_deref()),
            (Some(0xabcd), Some(false), Some(&b""[..]))
        );
        let g = &found[&b"g"[..]];
        assert_eq!((g.crc, g.gpl, g.namespace.as_deref()), (Some(1), Some(true), Some(&b"NS"[..])));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_map_tells_who_may_use_a_symbol_if_it_has_addresses() {
        let text = b"00000010 R __start___ksymtab_gpl\n00000010 r __ksymtab_g\n\
            00000020 R __stop___ksymtab_gpl\n00000030 r __ksymtab_f\n\
            00000040 t g\n00000050 r __ksymtab_m\t[mod]\n";
        let found = system_map(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[&b"g"[..]].gpl, Some(true));
        assert_eq!(found[&b"f"[..]].gpl, Some(false));
        let hidden: Vec<u8> =
            text.iter().map(|b| if b.is_ascii_digit() { b'0' } else { *b }).collect();
        assert_eq!(system_map(&hidden)[&b"g"[..]].gpl, None);
        assert!(system_map(b"ffffffffffffffff B The real System.map is elsewhere").is_empty());
    }
}
