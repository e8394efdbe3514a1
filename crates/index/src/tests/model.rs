//! Random indexes against a model that knows no trie: a sorted list, searched
//! from end to end.

use super::{ask, dump, text};
use crate::{Builder, Index};

/// Numbers that look random and are the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// A few of `letters`: short words, so that keys share beginnings.
    fn word(&mut self, letters: &[u8]) -> String {
        let length = self.below(6);
        (0..length).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }
}

#[derive(Debug)]
struct Entry {
    key: String,
    value: String,
    priority: u32,
}

/// Entries in the order of insertion and the index made of them.
fn random(random: &mut Random, letters: &[u8]) -> (Vec<Entry>, Index) {
    let entries: Vec<_> = (0..random.below(30))
        .map(|at| Entry {
            key: random.word(letters),
            value: format!("v{at}"),
            priority: u32::try_from(random.below(4)).unwrap(),
        })
        .collect();
    let mut builder = Builder::new();
    for entry in &entries {
        builder.insert(entry.key.as_bytes(), entry.value.as_bytes(), entry.priority).unwrap();
    }
    assert_eq!(builder.is_empty(), entries.is_empty());
    (entries, Index::from_bytes(builder.finish().unwrap()).unwrap())
}

/// The entries as they stand in a file.
fn stored(entries: &[Entry]) -> Vec<&Entry> {
    let mut stored: Vec<_> = entries.iter().rev().collect();
    stored.sort_by(|a, b| (&a.key, a.priority).cmp(&(&b.key, b.priority)));
    stored
}

const PLAIN: &[u8] = b"ab_";
const WILD: &[u8] = b"aab*?[]-\\";

#[test]
fn everything_comes_back_sorted() {
    let mut numbers = Random(1);
    for letters in [PLAIN, WILD] {
        for _ in 0..500 {
            let (entries, index) = random(&mut numbers, letters);
            let expected: Vec<_> = stored(&entries)
                .iter()
                .map(|entry| format!("{} {} {}", entry.key, entry.value, entry.priority))
                .collect();
            assert_eq!(dump(&index), expected);
        }
    }
}

#[test]
fn a_key_has_the_value_of_lowest_priority() {
    let mut numbers = Random(2);
    for letters in [PLAIN, WILD] {
        for _ in 0..500 {
            let (entries, index) = random(&mut numbers, letters);
            for _ in 0..20 {
                let key = numbers.word(letters);
                let expected = stored(&entries).into_iter().find(|entry| entry.key == key);
                let found = index.find(key.as_bytes()).map(text);
                assert_eq!(found, expected.map(|entry| entry.value.clone()), "{key}");
            }
        }
    }
}

/// Whether the stored `key` matches: literally up to its first wildcard.
fn matches(key: &str, question: &str) -> bool {
    let wild = key.find(['*', '?', '[']).unwrap_or(key.len());
    let (literal, pattern) = key.split_at(wild);
    let rest = question.strip_prefix(literal);
    rest.is_some_and(|rest| komod_name::matches(pattern.as_bytes(), rest.as_bytes()))
}

/// Where in the search a stored key is found: at its first wildcard, the
/// earlier the nearer to the root, and there behind all keys that go on.
fn place(key: &str) -> (usize, Vec<u16>) {
    let wild = key.find(['*', '?', '[']).unwrap_or(usize::MAX);
    let pattern = key.get(wild..).unwrap_or_default();
    (wild, pattern.bytes().map(u16::from).chain([u16::MAX]).collect())
}

#[test]
fn patterns_that_match_come_by_priority_then_last_found_first() {
    let mut numbers = Random(3);
    let mut hits = 0;
    for _ in 0..2000 {
        let (entries, index) = random(&mut numbers, WILD);
        for _ in 0..20 {
            let question = numbers.word(b"aab_-]\\");
            let mut expected = stored(&entries);
            expected.retain(|entry| matches(&entry.key, &question));
            // In the order found; the sort keeps the values of one key.
            expected.sort_by_key(|entry| place(&entry.key));
            expected.reverse();
            expected.sort_by_key(|entry| entry.priority);
            hits += expected.len();
            let expected: Vec<_> = expected.iter().map(|entry| entry.value.as_str()).collect();
            assert_eq!(ask(&index, &question), expected.join(" "), "{question} {entries:?}");
        }
    }
    assert!(hits > 10_000, "the questions are too hard: {hits}");
}

#[test]
fn a_question_with_wildcards_finds_what_matches_or_is_followed() {
    let mut numbers = Random(4);
    for _ in 0..1000 {
        let (entries, index) = random(&mut numbers, WILD);
        for _ in 0..20 {
            let question = numbers.word(WILD);
            let found = index.find_matching(question.as_bytes());
            for entry in &entries {
                let here = found.iter().any(|value| value.value == entry.value.as_bytes());
                assert!(here || !matches(&entry.key, &question), "{question} {entry:?}");
                assert!(!here || followed(&entry.key, &question), "{question} {entry:?}");
            }
        }
    }
}

/// Whether the key matches when some of its first wildcards are bytes.
fn followed(key: &str, question: &str) -> bool {
    (0..=key.len().min(question.len()))
        .any(|at| key[..at] == question[..at] && matches(&key[at..], &question[at..]))
}

#[test]
fn bytes_that_an_index_cannot_hold_are_refused() {
    let mut builder = Builder::new();
    let bad = builder.insert(b"a\x80", b"v", 0).unwrap_err();
    assert_eq!((bad.at, bad.byte, bad.in_value), (1, 0x80, false));
    let bad = builder.insert(b"a", b"\0", 0).unwrap_err();
    assert_eq!((bad.at, bad.byte, bad.in_value), (0, 0, true));
    assert!(builder.is_empty());
    builder.insert(b"\x01\x7f", b"\x7f\x01", u32::MAX).unwrap();
    let index = Index::from_bytes(builder.finish().unwrap()).unwrap();
    assert_eq!(index.find(b"\x01\x7f"), Some(&b"\x7f\x01"[..]));
}

#[test]
fn keys_as_long_as_one_likes_are_no_trouble() {
    let long = "x".repeat(100_000);
    let nested: Vec<_> = (0..500).map(|end| "y".repeat(end)).collect();
    let mut builder = Builder::new();
    builder.insert(long.as_bytes(), b"long", 0).unwrap();
    for key in &nested {
        builder.insert(key.as_bytes(), b"nested", 0).unwrap();
    }
    let index = Index::from_bytes(builder.finish().unwrap()).unwrap();
    assert_eq!(index.find(long.as_bytes()), Some(&b"long"[..]));
    assert!(nested.iter().all(|key| index.find(key.as_bytes()) == Some(b"nested")));
    assert_eq!(dump(&index).len(), 501);
}
