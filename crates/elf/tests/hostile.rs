//! Damaged modules: an answer or an error, never a panic.
#![allow(clippy::restriction)]

use komod_elf::{Error, Module, Signature, strip_modversions, strip_vermagic};
use komod_fixtures::{ModuleSpec, Pkcs7, Signed};

/// Modules with a bit of everything, small enough to try each byte.
fn modules() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for spec in ModuleSpec::new("m").on_each_machine() {
        let spec = spec
            .modinfo("license", "GPL")
            .modinfo("vermagic", "6.1")
            .export("absolute", 1)
            .export_in_section("in_section", 2)
            .needs("strong")
            .needs_weak("weak")
            .version("module_layout", 3)
            .version("strong", 4)
            .build_id(&[5; 6])
            .signed(Signed::Pkcs7(Pkcs7::by("k", &[1], &[6; 7])));
        files.push(spec.clone().build());
        files.push(spec.ext_version("strong", 4).build());
    }
    files
}

/// Asks everything of the bytes.
fn ask(bytes: &[u8]) -> Result<(), Error> {
    let _ = Signature::of(bytes);
    let _ = strip_modversions(&mut bytes.to_vec());
    let _ = strip_vermagic(&mut bytes.to_vec());
    let module = Module::parse(bytes)?;
    let _ = module.exports();
    let _ = module.needs();
    let _ = module.versions();
    let _ = module.build_id();
    let _ = module.modinfo_values(b"license").map(|values| values.map(Iterator::count));
    module.modinfo().map(|_| ())
}

#[test]
fn whole_files_are_sound() {
    for file in modules() {
        assert_eq!(ask(&file), Ok(()));
        let module = Module::parse(&file).unwrap();
        assert_eq!(module.exports().unwrap().unwrap().len(), 2);
        assert_eq!(
            module.needs().unwrap().len(),
            3 - usize::from(module.versions().unwrap().unwrap().len() == 1)
        );
    }
}

#[test]
fn every_truncation_is_answered() {
    for file in modules() {
        // What is cut off the section headers, which come last but for the signature,
        // is missed.
        let signed = Signed::Pkcs7(Pkcs7::by("k", &[1], &[6; 7])).build().len();
        for end in 0..file.len() {
            let answer = ask(&file[..end]);
            assert_eq!(answer.is_err(), end < file.len() - signed, "{end}: {answer:?}");
        }
    }
}

#[test]
fn no_magic_is_not_elf_and_a_cut_header_is_malformed() {
    for file in modules() {
        for end in 0..=16 {
            assert!(matches!(Module::parse(&file[..end]), Err(Error::NotElf { .. })), "{end}");
        }
        for end in 17..60 {
            let error = Module::parse(&file[..end]).unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{end}: {error}");
        }
    }
    assert_eq!(Module::parse(b"\x7fELG0123456789abcdef").unwrap_err().raw_os_error(), 8);
    assert_eq!(Module::parse(b"\x7fELF\x030123456789abcdef").unwrap_err().raw_os_error(), 22);
}

#[test]
fn every_flipped_byte_is_answered() {
    for file in modules() {
        let mut flipped = file.clone();
        for at in 0..file.len() {
            for mask in [0x01, 0x80, 0xff] {
                flipped[at] ^= mask;
                let _ = ask(&flipped);
                flipped[at] ^= mask;
            }
        }
    }
}

#[test]
fn every_word_of_ones_is_answered() {
    for file in modules() {
        for at in 0..file.len().saturating_sub(8) {
            for size in [2, 4, 8] {
                let mut filled = file.clone();
                filled[at..at + size].fill(0xff);
                let _ = ask(&filled);
            }
        }
    }
}
