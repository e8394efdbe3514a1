//! Lists that come with a kernel.

use komod_depmod::{Finding, KernelSymbols, Symbols};
use komod_index::BuiltinInfo;

use crate::{Limits, Target, seeds};

pub const BUILTIN_MODINFO: Target = Target {
    name: "builtin-modinfo",
    reads: "modules.builtin.modinfo",
    run: builtin_modinfo,
    seeds: seeds::builtin_modinfo,
    longest: 16 << 10,
    words: &[b".alias=", b".license=GPL\0", b".file=", b".\0", b"\0\0"],
    limits: Limits::PROMISED,
};

pub const SYMVERS: Target = Target {
    name: "symvers",
    reads: "Module.symvers",
    run: symvers,
    seeds: seeds::symvers,
    longest: 16 << 10,
    words: &[b"0x", b"\tvmlinux\t", b"EXPORT_SYMBOL_GPL", b"-0x", b"0xffffffffffffffffff"],
    limits: Limits::PROMISED,
};

pub const SYSTEM_MAP: Target = Target {
    name: "system-map",
    reads: "System.map",
    run: system_map,
    seeds: seeds::system_map,
    longest: 16 << 10,
    words: &[b" r __ksymtab_", b" R ___ksymtab_", b"ffffffff81000000 "],
    limits: Limits::PROMISED,
};

fn builtin_modinfo(input: &[u8]) {
    let info = BuiltinInfo::new(input);
    let mut modules: Vec<&[u8]> = Vec::new();
    let mut before = 0;
    for (number, record) in info.records().enumerate() {
        assert!(number <= input.len(), "more records than bytes");
        match record {
            Ok((module, string)) => {
                let size = module.len() + string.len();
                assert!(before + size <= input.len(), "records longer than the file");
                before += size;
                if modules.len() < 8 && !modules.contains(&module) {
                    modules.push(module);
                }
            }
            Err(error) => assert!(error.at <= input.len(), "an offset outside"),
        }
    }
    for module in modules {
        if let Ok(strings) = info.of(module) {
            assert!(!strings.is_empty(), "a module that is there has strings");
        }
    }
}

/// Whether the first byte names an architecture's prefix, and the text behind it.
fn prefixed(input: &[u8]) -> (Option<u8>, &[u8]) {
    match input.split_first() {
        Some((kind, text)) => ((kind & 1 == 1).then_some(b'_'), text),
        None => (None, input),
    }
}

/// Enters what was read and tells how many names that makes.
fn entered(found: &KernelSymbols) -> usize {
    let mut symbols = Symbols::default();
    found.enter(&mut symbols);
    assert!(symbols.of_modules().next().is_none(), "the kernel is no module");
    symbols.of_modules().count()
}

fn symvers(input: &[u8]) {
    let (prefix, text) = prefixed(input);
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut told = 0;
    let mut sink = |finding: Finding<'_>| {
        if let Finding::SymversVersion { number, .. } = finding {
            assert!((1..=lines).contains(&number), "no such line");
        }
        told += 1;
    };
    let found = KernelSymbols::from_symvers(text, b"Module.symvers", prefix, &mut sink);
    assert!(told <= lines);
    entered(&found);
}

fn system_map(input: &[u8]) {
    let (prefix, text) = prefixed(input);
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut told = 0;
    let mut sink = |finding: Finding<'_>| {
        if let Finding::SystemMapLine { number, .. } = finding {
            assert!((1..=lines).contains(&number), "no such line");
        }
        told += 1;
    };
    let found = KernelSymbols::from_system_map(text, b"System.map", prefix, &mut sink);
    assert!(told <= lines);
    entered(&found);
}
