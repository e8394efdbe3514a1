//! Modules made to keep a reader busy: each is answered within a second, where it took
//! minutes to days if strings that overlap, or have no end, were all read.
#![allow(clippy::restriction)]

use komod_elf::{Error, Module, Signature, strip_modversions, strip_vermagic};
use komod_fixtures::{ModuleSpec, Pkcs7, Signed, within_a_second};

/// Asks everything, in time.
#[track_caller]
fn soon(file: &[u8]) -> Result<(), Error> {
    within_a_second("all that is asked", || ask(file))
}

fn ask(file: &[u8]) -> Result<(), Error> {
    let _ = Signature::of(file);
    let _ = strip_modversions(&mut file.to_vec());
    let _ = strip_vermagic(&mut file.to_vec());
    let module = Module::parse(file)?;
    let _ = module.export_names();
    let _ = module.exports();
    let _ = module.undefined();
    let _ = module.needs();
    let _ = module.versions();
    let _ = module.build_id();
    let _ = module.modinfo();
    Ok(())
}

/// A file of 64 bits with these sections, behind the empty one and the one of their
/// names.
fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    let names = [&["", ".shstrtab"][..], &sections.iter().map(|it| it.0).collect::<Vec<_>>()];
    let names: Vec<u8> = names.concat().iter().flat_map(|n| n.bytes().chain([0])).collect();
    let mut headers = vec![0; 64];
    let mut name_at = 1_u32;
    for (name, bytes) in [(".shstrtab", &names[..])].iter().chain(sections) {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name_at.to_le_bytes());
        header[24..32].copy_from_slice(&(file.len() as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        headers.extend(header);
        name_at += u32::try_from(name.len() + 1).unwrap();
        file.extend_from_slice(bytes);
    }
    let table = file.len() as u64;
    file.extend(&headers);
    file[40..48].copy_from_slice(&table.to_le_bytes());
    let count = u16::try_from(headers.len() / 64).unwrap().to_le_bytes();
    file[58..64].copy_from_slice(&[64, 0, count[0], count[1], 1, 0]);
    file
}

/// A symbol table whose symbols' names begin at these places.
fn symbols(names: impl Iterator<Item = usize>) -> Vec<u8> {
    let record = |name: usize| {
        let mut record = [0; 24];
        record[..4].copy_from_slice(&u32::try_from(name).unwrap().to_le_bytes());
        record
    };
    std::iter::once([0; 24]).chain(names.map(record)).flatten().collect()
}

#[test]
fn names_within_names_are_not_all_read() {
    for part in ["x", "__crc_"] {
        let count = 4_000_000 / part.len();
        let mut names = part.repeat(count).into_bytes();
        names.extend(b"end\0");
        let table = symbols((0..100_000).map(|number| number * part.len()));
        let file = elf(&[(".symtab", &table), (".strtab", &names)]);
        soon(&file).unwrap();
        let module = Module::parse(&file).unwrap();
        let error = module.needs().unwrap_err();
        assert!(error.to_string().contains("names of symbols"), "{error}");
        assert_eq!(module.exports(), Ok(None));
        // Without a NUL at their end, too.
        soon(&elf(&[(".symtab", &table), (".strtab", &names[..names.len() - 1])])).unwrap();
    }
}

#[test]
fn names_as_long_as_the_kernels_may_all_be_the_same() {
    let names = [&b"\0"[..], &[b'x'; 511], b"\0"].concat();
    let file = elf(&[(".symtab", &symbols((0..50_000).map(|_| 1))), (".strtab", &names)]);
    assert_eq!(Module::parse(&file).unwrap().needs().unwrap().len(), 50_000);
}

#[test]
fn names_of_many_sections_are_not_all_read() {
    // All have the same name of four megabytes.
    let mut file = elf(&[]);
    let names = file.len() as u64;
    file.extend(b".symtab_".repeat(1 << 19));
    file.push(0);
    let table = file.len() as u64;
    let mut header = [0; 64];
    header[24..32].copy_from_slice(&names.to_le_bytes());
    header[32..40].copy_from_slice(&(table - names).to_le_bytes());
    file.extend(header.repeat(65_000));
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[60..62].copy_from_slice(&65_000_u16.to_le_bytes());
    soon(&file).unwrap();
}

#[test]
fn a_long_identifier_is_spelled_once() {
    let mut pkcs7 = Pkcs7::by("k", &[1], &[1]);
    // It stands there twice: just within what a signature may have.
    pkcs7.digest = vec![1; 500_000];
    let file = ModuleSpec::new("m").signed(Signed::Pkcs7(pkcs7)).build();
    assert_eq!(Signature::of(&file).unwrap().hash_algo.len(), 1_000_001);
    soon(&file).unwrap();
}
