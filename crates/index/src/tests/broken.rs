//! Bytes that no depmod wrote: no panic, and an end.

use super::golden::{ALIAS, BUILTIN};
use crate::{BuiltinInfo, Error, Index};
use std::fs;

/// Asks an index everything; answers how much came.
fn ask_all(bytes: &[u8]) -> usize {
    let Ok(index) = Index::from_bytes(bytes.to_vec()) else { return 0 };
    let mut count = 0;
    index.for_each(&mut |key, value| {
        assert!(key.len() <= bytes.len());
        assert!(value.value.len() < bytes.len());
        count += 1;
    });
    // A value takes five bytes and each is read at most once.
    assert!(count <= bytes.len() / 5, "{count} values in {} bytes", bytes.len());
    for key in ["", "abc", "abd_x", "pci:v1", "pci:v1d5", "pci:v2", "pci:v1*", "*", "a[b"] {
        let _ = index.find(key.as_bytes());
        let wild = key.bytes().filter(|byte| b"*?[".contains(byte)).count();
        let found = index.find_matching(key.as_bytes()).len();
        assert!(found <= (wild + 1) * bytes.len() / 5, "{found} values for {key}");
        count += found;
    }
    count
}

#[test]
fn every_truncation_has_an_answer() {
    for file in BUILTIN.into_iter().chain(ALIAS) {
        let whole = ask_all(file);
        for end in 0..file.len() {
            assert!(ask_all(&file[..end]) <= whole, "{end} bytes");
        }
    }
}

#[test]
fn every_changed_byte_has_an_answer() {
    for file in BUILTIN.into_iter().chain(ALIAS) {
        for at in 0..file.len() {
            let mut file = file.to_vec();
            let good = file[at];
            let others = (0..8).map(|bit| good ^ (1 << bit)).chain([0, 0x7f, 0x80, 0xff]);
            for byte in others {
                file[at] = byte;
                ask_all(&file);
            }
        }
    }
}

/// A header with `root`, then the bytes of nodes from offset 12 on.
fn file(root: u32, nodes: &[&[u8]]) -> Vec<u8> {
    let header: &[u8] = b"\xb0\x07\xf4\x57\0\x02\0\x01";
    [header, &root.to_be_bytes(), &nodes.concat()].concat()
}

const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;

#[test]
fn a_node_that_is_its_own_child_ends() {
    for byte in [b'a', b'*'] {
        let me = CHILDREN | VALUES | 12;
        let file = file(me, &[&[byte, byte], &me.to_be_bytes(), b"\0\0\0\x01\0\0\0\0v\0"]);
        assert!(ask_all(&file) > 0);
        let index = Index::from_bytes(file).unwrap();
        assert_eq!(index.find(&[byte; 100]), Some(&b"v"[..]), "bounded by the key");
    }
}

#[test]
fn nodes_in_a_circle_end() {
    let (one, two) = (CHILDREN | PREFIX | 12, CHILDREN | VALUES | 20);
    let nodes: [&[u8]; 5] =
        [b"x\0*b", &[0; 0], &[two.to_be_bytes(), two.to_be_bytes()].concat(), b"", b""];
    ask_all(&file(one, &nodes));
    let many: Vec<u8> = (0..=127).flat_map(|_| (CHILDREN | 12).to_be_bytes()).collect();
    assert_eq!(ask_all(&file(CHILDREN | 12, &[&[0, 127], &many])), 0, "128 ways to itself");
}

#[test]
fn a_count_of_four_billion_ends_with_the_file() {
    let file = file(VALUES | 12, &[b"\xff\xff\xff\xff", b"\0\0\0\x07v\0", b"\0\0\0\x08w\0"]);
    let index = Index::from_bytes(file).unwrap();
    let values: Vec<_> = index.find_matching(b"").iter().map(|value| value.priority).collect();
    assert_eq!(values, [7, 8]);
}

#[test]
fn references_and_strings_past_the_end_are_nothing() {
    for root in [0, CHILDREN, 0xffff_ffff, VALUES | 0x0fff_ffff, PREFIX | 12, CHILDREN | 13] {
        assert_eq!(ask_all(&file(root, &[b"ab"])), 0, "{root:x}");
    }
    let no_end = file(VALUES | 12, &[b"\0\0\0\x01\0\0\0\0value"]);
    assert_eq!(ask_all(&no_end), 0);
}

#[test]
fn a_table_upside_down_or_of_high_bytes_is_no_node() {
    for range in [[b'b', b'a'], [0x7f, 0x80], [0x80, 0xff]] {
        let references = [0x0f_u8; 4 * 256];
        assert_eq!(ask_all(&file(CHILDREN | VALUES | 12, &[&range, &references])), 0);
    }
}

#[test]
fn a_file_is_mapped_only_if_it_can_hold_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("modules.dep.bin");
    assert!(matches!(Index::open(&path), Err(Error::Io(_))));
    assert!(matches!(Index::open(dir.path()), Err(Error::NotRegular)));
    fs::write(&path, b"").unwrap();
    assert!(matches!(Index::open(&path), Err(Error::TooShort { size: 0 })));
    fs::write(&path, &BUILTIN[1][..11]).unwrap();
    assert!(matches!(Index::open(&path), Err(Error::TooShort { size: 11 })));
    fs::write(&path, BUILTIN[1]).unwrap();
    let index = Index::open(&path).unwrap();
    fs::rename(&path, dir.path().join("other")).unwrap();
    assert_eq!(index.find(b"abc"), Some(&b""[..]), "the map outlives the name");
    assert!(matches!(Index::open("/dev/zero".as_ref()), Err(Error::NotRegular)));
}

#[test]
fn every_truncation_of_builtin_info_has_an_answer() {
    let file = b"foo.a=1\0foo.b=2\0bar.c=3\0";
    for end in 0..=file.len() {
        let info = BuiltinInfo::new(&file[..end]);
        let _ = info.of(b"foo");
        assert!(info.records().count() <= 3);
    }
}
