//! Indexes made to keep a reader busy: each ends within a second, where every
//! one of them took hours, or all memory, if bytes were read again unpaid.

use crate::Index;
use komod_fixtures::within_a_second;

const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;

/// An index under construction, root and all.
struct Made(Vec<u8>);

impl Made {
    fn new() -> Self {
        Self(b"\xb0\x07\xf4\x57\0\x02\0\x01\0\0\0\0".to_vec())
    }

    /// Adds bytes; answers the reference of a node there.
    fn add(&mut self, flags: u32, bytes: &[u8]) -> u32 {
        let at = u32::try_from(self.0.len()).unwrap();
        self.0.extend_from_slice(bytes);
        flags | at
    }

    /// A node with children `first..` at these references.
    fn table(&mut self, first: u8, references: &[u32]) -> u32 {
        let last = first + u8::try_from(references.len() - 1).unwrap();
        let references: Vec<u8> = references.iter().flat_map(|r| r.to_be_bytes()).collect();
        self.add(CHILDREN, &[&[first, last], &references[..]].concat())
    }

    fn index(mut self, root: u32) -> Index {
        self.0[8..12].copy_from_slice(&root.to_be_bytes());
        Index::from_bytes(self.0).unwrap()
    }
}

/// Asks everything, each question in time.
#[track_caller]
fn soon(index: &Index, questions: &[&[u8]]) -> usize {
    let mut count = 0;
    within_a_second("for_each", || index.for_each(&mut |_, _| count += 1));
    for question in questions {
        let shown = String::from_utf8_lossy(question);
        let shown: String = shown.chars().take(20).collect();
        count += within_a_second(&shown, || index.find_matching(question).len());
        count += within_a_second(&shown, || usize::from(index.find(question).is_some()));
    }
    count
}

#[test]
fn two_ways_to_each_next_node_are_not_a_million_million() {
    let mut made = Made::new();
    let mut next = made.add(VALUES, b"\0\0\0\x01\0\0\0\0v\0");
    for _ in 0..60 {
        next = made.table(b'*', &[next, next]);
    }
    soon(&made.index(next), &[b"a", &[b'*'; 60], &[b'+'; 60]]);
}

#[test]
fn a_trie_deeper_than_any_key_is_left() {
    for byte in [b'*', b'a'] {
        let mut made = Made::new();
        let mut next = made.add(VALUES, b"\0\0\0\x01\0\0\0\0v\0");
        for _ in 0..1_000_000 {
            next = made.table(byte, &[next]);
        }
        assert_eq!(soon(&made.index(next), &[b"a", &[b'*'; 4096], &[b'a'; 4096]]), 0);
    }
}

#[test]
fn strings_that_never_end_are_paid_for() {
    let mut made = Made::new();
    let mut next = made.table(b'*', &[0]);
    let end = 12 + (2 + 4) + 2000 * (2 + 4 * 22);
    for _ in 0..2000 {
        // A way on, and twenty to names and values without a NUL.
        let mut ways = [PREFIX | end; 22];
        ways[10..].fill(VALUES | end);
        (ways[0], ways[1]) = (next, next);
        next = made.table(b'*', &ways);
    }
    assert_eq!(made.add(0, &vec![b'x'; 4 << 20]), end);
    soon(&made.index(next), &[b"a", &[b'*'; 2000], &[b'+'; 2000], b"+,-./0123456789"]);
}

#[test]
fn names_that_do_not_match_are_paid_for() {
    let mut made = Made::new();
    let long = [&vec![b'x'; 1 << 20][..], b"\0"].concat();
    let long = made.add(PREFIX, &long);
    let mut next = long;
    for _ in 0..5000 {
        let mut ways = [long; 40];
        ways[0] = next;
        next = made.table(b'*', &ways);
    }
    let all: Vec<u8> = (b'*'..b'*' + 40).collect();
    soon(&made.index(next), &[b"a", &all, &all.repeat(6), &all.repeat(100)]);
}

#[test]
fn a_long_pattern_is_compared_once_for_all_its_values() {
    for pattern in [&b"*"[..], b"*[a-z]", b"*a*[", b"*\\a"] {
        let pattern = [pattern, &b"*a".repeat(50_000), b"b\0"].concat();
        let mut made = Made::new();
        let values = [&100_000_u32.to_be_bytes()[..], &b"\0\0\0\0v\0".repeat(100_000)].concat();
        let root = made.add(PREFIX | VALUES, &[pattern, values].concat());
        let index = made.index(root);
        assert!(soon(&index, &[b"aaaaaa", &[b'a'; 250], &[b'a'; 4096]]) < 100_000);
    }
}

#[test]
fn comparing_has_an_end_however_many_the_patterns() {
    let mut made = Made::new();
    let value = b"\0\0\0\x01\0\0\0\0v\0";
    let pattern = [&b"[a]"[..], &b"*a".repeat(200), b"b\0", value].concat();
    let leaf = made.add(PREFIX | VALUES, &pattern);
    let mut next = leaf;
    for _ in 0..2000 {
        let mut ways = [leaf; 100];
        ways[0] = next;
        next = made.table(b'*', &ways[..60]);
    }
    let index = made.index(next);
    assert_eq!(within_a_second("comparing", || index.find_matching(&[b'a'; 4096])), []);
}
