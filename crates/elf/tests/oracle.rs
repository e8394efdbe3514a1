//! The same facts by goblin's whole-file parser.
//!
//! `KOMOD_ORACLE=DIRECTORY cargo test -p komod-elf --test oracle` adds the `.ko`
//! files below a directory, uncompressed, to the made ones.
#![allow(clippy::restriction)]

use std::path::Path;

use goblin::elf::Elf;
use goblin::elf::section_header::SHN_UNDEF;
use goblin::elf::sym::STB_WEAK;
use komod_elf::{Binding, Module};
use komod_fixtures::ModuleSpec;

fn section<'a>(elf: &Elf<'_>, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let named = |h: &&goblin::elf::SectionHeader| elf.shdr_strtab.get_at(h.sh_name) == Some(name);
    let range = elf.section_headers.iter().find(named)?.file_range()?;
    bytes.get(range)
}

fn compare(bytes: &[u8], what: &str) {
    let elf = Elf::parse(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let module = Module::parse(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let name = |at| elf.strtab.get_at(at).unwrap_or_default();

    let strings = section(&elf, bytes, ".modinfo").map(|section| {
        section.split(|byte| *byte == 0).filter(|string| !string.is_empty()).collect::<Vec<_>>()
    });
    assert_eq!(module.modinfo().unwrap(), strings, "{what}");

    let undefined: Vec<(&str, bool)> = elf
        .syms
        .iter()
        .skip(1)
        .filter(|symbol| symbol.st_shndx == SHN_UNDEF as usize && symbol.st_name != 0)
        .map(|symbol| (name(symbol.st_name), symbol.st_bind() == STB_WEAK))
        .collect();
    let needs = module.needs().unwrap();
    let found: Vec<(&str, bool)> = needs
        .iter()
        .take(undefined.len())
        .map(|need| (std::str::from_utf8(need.name).unwrap(), need.binding == Binding::Weak))
        .collect();
    assert_eq!(found, undefined, "{what}");
    let versions = module.versions().unwrap().unwrap_or_default();
    for need in &needs {
        let version = versions.iter().find(|version| version.name == need.name);
        assert_eq!(need.crc, version.map(|version| version.crc), "{what}");
    }
    for version in &versions {
        assert_eq!(needs.iter().filter(|need| need.name == version.name).count(), 1, "{what}");
    }

    let crcs: Vec<&str> =
        elf.syms.iter().filter_map(|symbol| name(symbol.st_name).strip_prefix("__crc_")).collect();
    let exports = module.exports().unwrap().unwrap_or_default();
    if !crcs.is_empty() {
        let names: Vec<_> = exports.iter().map(|e| std::str::from_utf8(e.name).unwrap()).collect();
        assert_eq!(names, crcs, "{what}");
        assert!(exports.iter().all(|export| export.crc <= u64::from(u32::MAX)), "{what}");
    }
}

#[test]
fn made_modules() {
    for spec in ModuleSpec::new("m").on_each_machine() {
        let spec = spec
            .modinfo("license", "GPL")
            .export("b", 1)
            .export_in_section("a", 2)
            .needs("z")
            .needs_weak("y")
            .defines("text")
            .needs("x")
            .version("module_layout", 3)
            .version("x", 4);
        compare(&spec.build(), "a made module");
    }
}

#[test]
fn modules_of_a_directory() {
    let Some(directory) = std::env::var_os("KOMOD_ORACLE") else { return };
    assert!(walk(Path::new(&directory)) > 0);
}

fn walk(directory: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += walk(&path);
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            compare(&std::fs::read(&path).unwrap(), &path.display().to_string());
            count += 1;
        }
    }
    count
}
