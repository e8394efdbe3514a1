//! What a module's bytes say: all of them, parts of them, and what stands behind.

use komod_elf::{Error, Excerpt, Module, Signature, strip_modversions, strip_vermagic};
use komod_fixtures::Signed;

use crate::{Limits, Target, seeds};

pub const FACTS: Target = Target {
    name: "elf",
    reads: "a module, whole and in parts",
    run: facts,
    seeds: seeds::modules,
    longest: 32 << 10,
    words: &[
        b"\x7fELF",
        b".modinfo",
        b".symtab",
        b".strtab",
        b"__versions",
        b"__version_ext_crcs",
        b"__version_ext_names",
        b"__ksymtab_strings",
        b"__crc_",
        b".note.gnu.build-id",
        b"vermagic=",
        b"name=",
    ],
    limits: Limits::PROMISED,
};

pub const SIGNATURE: Target = Target {
    name: "signature",
    reads: "a module's signature: trailer and DER",
    run: signature,
    seeds: seeds::signatures,
    longest: 4096,
    words: &[
        b"~Module signature appended~\n",
        b"\x06\x09\x2a\x86\x48",
        b"\x30\x82",
        b"\x30\x80",
        b"\x31\x00",
        b"\x02\x01\x01",
    ],
    limits: Limits::PROMISED,
};

fn facts(bytes: &[u8]) {
    let whole = Module::parse(bytes);
    if let Ok(module) = &whole {
        ask(module);
    }
    in_parts(bytes, &whole);
    for_modinfo(bytes, &whole);
    let mut image = bytes.to_vec();
    let stripped = strip_modversions(&mut image);
    assert_eq!(stripped.is_ok(), whole.is_ok(), "a module is one for every function");
    let mut image = bytes.to_vec();
    if strip_vermagic(&mut image) == Ok(true) {
        // All that changed is in the strings, where it became NULs.
        let changed = image.iter().zip(bytes).filter(|(now, before)| now != before);
        assert!(changed.clone().all(|(now, _)| *now == 0), "vermagic became something");
    }
    let _ = Signature::of(bytes);
}

/// Everything that a tool asks.
fn ask(module: &Module<'_>) {
    let exports = module.exports();
    let names = module.export_names();
    match (&exports, &names) {
        (Ok(Some(exports)), Ok(Some(names))) => {
            assert!(exports.iter().map(|export| export.name).eq(names.iter().copied()));
        }
        _ => assert_eq!(exports.as_ref().map(Option::is_some), names.as_ref().map(Option::is_some)),
    }
    let (needs, undefined) = (module.needs(), module.undefined());
    if let (Ok(needs), Ok(undefined)) = (&needs, &undefined) {
        let first = needs.iter().map(|need| need.name).take(undefined.len());
        assert!(first.eq(undefined.iter().map(|(name, _)| *name)), "needs begin otherwise");
    }
    assert_eq!(needs.is_ok(), undefined.is_ok());
    if let (Ok(Some(versions)), Some(fields)) = (module.versions(), module.version_fields()) {
        assert!(fields.map(|(crc, _)| crc).eq(versions.iter().map(|version| version.crc)));
    }
    let _ = module.build_id();
    let strings = module.modinfo().unwrap_or_default().unwrap_or_default();
    for key in [&b"alias"[..], b"softdep", b"vermagic", b""] {
        let values = module.modinfo_values(key).unwrap_or_default().map_or(0, Iterator::count);
        assert!(values <= strings.len(), "values of no string");
    }
}

/// An excerpt answers as the whole file, or not at all.
fn in_parts(bytes: &[u8], whole: &Result<Module<'_>, Error>) {
    let mut excerpt = Excerpt::default();
    let mut asked = 0;
    let read = excerpt.read(bytes.len() as u64, &mut |offset, buffer| {
        let start = usize::try_from(offset).expect("an offset within the file");
        buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
        asked += buffer.len();
        true
    });
    let answers = |module: &Module<'_>| {
        format!(
            "{:?} {:?} {:?} {:?}",
            module.export_names(),
            module.undefined(),
            module.versions(),
            module.modinfo()
        )
    };
    match (read, whole) {
        (Some(parts), Ok(whole)) => assert_eq!(answers(&parts), answers(whole)),
        (Some(_), Err(error)) => panic!("an excerpt of what is no module: {error}"),
        (None, Ok(_)) => panic!("a module without excerpt"),
        (None, Err(_)) => {}
    }
    assert!(asked <= bytes.len() * 3, "{asked} bytes read of {}", bytes.len());
}

/// An excerpt for `.modinfo` tells of it and of the signature as the whole file, or not at
/// all.
fn for_modinfo(bytes: &[u8], whole: &Result<Module<'_>, Error>) {
    let mut excerpt = Excerpt::default();
    let read = excerpt.read_modinfo(bytes.len() as u64, &mut |offset, buffer| {
        let start = usize::try_from(offset).expect("an offset within the file");
        buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
        true
    });
    let Some((module, end)) = read else { return };
    let whole = whole.as_ref().expect("an excerpt of a module");
    assert_eq!(module.modinfo(), whole.modinfo());
    assert_eq!(Signature::of(end), Signature::of(bytes));
}

/// The input as a whole file; and its first byte as kind, the rest as the
/// signature in front of a trailer that is true of it.
fn signature(bytes: &[u8]) {
    let _ = Signature::of(bytes);
    let Some((kind, body)) = bytes.split_first() else { return };
    let sig_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let lengths = if kind & 0x80 == 0 { [0, 0] } else { [kind >> 3 & 7, kind & 7] };
    let others = u32::from(lengths[0] + lengths[1]);
    let id_type = if kind & 0x80 == 0 { 2 } else { kind >> 6 & 1 };
    let fields = [0, kind & 7, id_type, lengths[0], lengths[1]];
    let sig_len = sig_len.saturating_sub(others);
    let file = Signed::Raw { fields, body: body.to_vec(), sig_len }.build();
    if let Some(found) = Signature::of(&file) {
        let parts = found.signer.len() + found.key_id.len() + found.signature.len();
        assert!(parts <= body.len(), "a signature longer than its bytes");
    }
}
