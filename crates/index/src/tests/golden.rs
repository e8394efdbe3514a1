//! Files of kmod itself, of both layouts (how they were made:
//! `tests/golden/README.md`).

use super::{ask, dump};
use crate::{Builder, BuiltinInfo, Error, Index};

pub(super) const BUILTIN: [&[u8]; 2] = [
    include_bytes!("../../tests/golden/builtin-30.bin"),
    include_bytes!("../../tests/golden/builtin-34.bin"),
];
pub(super) const ALIAS: [&[u8]; 2] = [
    include_bytes!("../../tests/golden/builtin.alias-30.bin"),
    include_bytes!("../../tests/golden/builtin.alias-34.bin"),
];
const MODINFO: &[u8] = include_bytes!("../../tests/golden/modules.builtin.modinfo");

fn read(bytes: &[u8]) -> Index {
    Index::from_bytes(bytes.to_vec()).unwrap()
}

#[test]
fn both_layouts_give_the_same_answers() {
    for index in BUILTIN.map(read) {
        assert_eq!(index.find(b"abc"), Some(&b""[..]));
        assert_eq!(index.find(b"abd_x"), Some(&b""[..]));
        for absent in ["", "a", "ab", "abd", "abd_", "abd_xy", "abcd", "b"] {
            assert_eq!(index.find(absent.as_bytes()), None, "{absent}");
        }
        assert_eq!(dump(&index), ["abc  0", "abd_x  0"]);
    }
    for index in ALIAS.map(read) {
        assert_eq!(ask(&index, "pci:v1d5x"), "abc abc abd_x abc");
        assert_eq!(ask(&index, "pci:v1"), "abc abd_x abc");
        assert_eq!(ask(&index, "pci:v2"), "abd_x");
        assert_eq!(ask(&index, "pci:v"), "");
        assert_eq!(ask(&index, "pci:v3"), "");
    }
}

#[test]
fn ours_is_kmod_34s_byte_for_byte() {
    let mut builtin = Builder::new();
    builtin.insert(b"abc", b"", 0).unwrap();
    builtin.insert(b"abd_x", b"", 0).unwrap();
    assert_eq!(builtin.finish().unwrap(), BUILTIN[1]);

    let mut alias = Builder::new();
    for record in BuiltinInfo::new(MODINFO).records() {
        let (module, string) = record.unwrap();
        alias.insert(string.strip_prefix(b"alias=").unwrap(), module, 0).unwrap();
    }
    assert_eq!(alias.finish().unwrap(), ALIAS[1]);
}

#[test]
fn an_index_without_keys_is_a_header_whose_root_is_the_end() {
    let empty = b"\xb0\x07\xf4\x57\0\x02\0\x01\0\0\0\x0c";
    assert_eq!(Builder::new().finish().unwrap(), empty);
    let index = read(empty);
    assert_eq!(index.find(b""), None);
    assert_eq!(ask(&index, ""), "");
    assert!(dump(&index).is_empty());
}

#[test]
fn the_header_is_checked() {
    let header = |bytes: &[u8]| Index::from_bytes(bytes.to_vec()).map(|_| ());
    assert!(matches!(header(b""), Err(Error::TooShort { size: 0 })));
    assert!(matches!(header(&BUILTIN[0][..11]), Err(Error::TooShort { size: 11 })));
    let magic = header(b"\xb0\x07\xf4\x58\0\x02\0\x01\0\0\0\x0c").unwrap_err();
    assert_eq!(magic.to_string(), "magic check fail: b007f458 instead of b007f457");
    let major = header(b"\xb0\x07\xf4\x57\0\x03\0\x01\0\0\0\x0c").unwrap_err();
    assert_eq!(major.to_string(), "major version check fail: 3 instead of 2");
    assert!(header(b"\xb0\x07\xf4\x57\0\x02\xff\xff\0\0\0\x0c").is_ok());
}
