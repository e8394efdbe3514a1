//! What depmod leaves: any bytes as an index, and an index against a model.

use std::time::Duration;

use komod_index::{Builder, DepLine, DeviceNode, Index};

use crate::model::{Entry, List};
use crate::{Limits, Target, seeds};

pub const READ: Target = Target {
    name: "index",
    reads: "an index of any kind, asked and walked",
    run: read,
    seeds: seeds::indexes,
    longest: 32 << 10,
    words: &[
        b"\xb0\x07\xf4\x57\x00\x02\x00\x01",
        b"\x20\x00\x00\x0c",
        b"\x60\x00\x00\x0c",
        b"\xa0\x00\x00\x0c",
        b"\xe0\x00\x00\x0c",
        b"\xff\xff\xff\xff",
        b"**?",
    ],
    limits: Limits { time: Duration::from_secs(QUESTION * (1 + KEYS)), ..Limits::PROMISED },
};

/// So many keys of an index are asked for, beside the question that the input holds.
const KEYS: u64 = 2;
/// Seconds of the processor that a question may take. It is bounded in steps, and each costs
/// the fuzzer's build some forty times as much as a tool.
const QUESTION: u64 = if cfg!(feature = "libfuzzer") { 4 } else { 1 };

pub const DIFFERENTIAL: Target = Target {
    name: "differential",
    reads: "an index that was written, against a slow model of it",
    run: differential,
    seeds: seeds::questions,
    longest: 512,
    words: &[b"\n\n", b"[!", b"[^", b"[:alpha:]", b"[[:digit:]]", b"[]-", b"\\]", b"*?*"],
    // The model takes nearly all of it; the readers' time is held by the other target.
    limits: Limits { time: Duration::from_secs(10), ..Limits::PROMISED },
};

/// The first byte says how long the question is, which follows; the rest is the
/// index. Its values, and the whole input, are lines of lists, too.
fn read(input: &[u8]) {
    for line in input.split(|byte| *byte == b'\n') {
        let _ = DepLine::parse(line);
        let _ = DeviceNode::parse(line);
    }
    let Some((length, rest)) = input.split_first() else { return };
    let Some((question, bytes)) = rest.split_at_checked(usize::from(*length)) else { return };
    let Ok(index) = Index::from_bytes(bytes.to_vec()) else { return };
    let found = index.find(question);
    let mut keys = Vec::new();
    let mut all = 0;
    index.for_each(&mut |key, value| {
        assert!(key.len() <= bytes.len() && value.value.len() <= bytes.len());
        if keys.len() < KEYS as usize {
            keys.push(key.to_vec());
        }
        let _ = DepLine::parse(value.value);
        all += 1;
    });
    assert!(all <= bytes.len(), "more values than bytes");
    let answers = index.find_matching(question);
    assert!(answers.is_sorted_by_key(|value| value.priority), "answers out of order");
    if !question.iter().any(|byte| b"*?[".contains(byte)) {
        assert!(found.is_none() || !answers.is_empty(), "what is there matches itself");
    }
    for key in keys {
        index.find(&key);
        index.find_matching(&key);
    }
}

/// The bytes that matter to patterns, many times over.
const ALPHABET: &[u8; 16] = b"aab-_*?[]!^\\:b\n ";

/// Lines `PRIORITY KEY [VALUE]` up to an empty one, the priority a byte; then lines
/// that are questions. A first byte that is odd makes all others those of
/// [`ALPHABET`].
fn differential(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let letter = |byte: &u8| ALPHABET[usize::from(byte % 16)];
    let text: Vec<u8> =
        if kind % 2 == 1 { rest.iter().map(letter).collect() } else { rest.to_vec() };
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut builder = Builder::new();
    let mut entries = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let entry = entry(line);
        let fits = |text: &[u8]| text.iter().all(|byte| (1..128).contains(byte));
        let taken = builder.insert(&entry.key, &entry.value, entry.priority).is_ok();
        assert_eq!(taken, fits(&entry.key) && fits(&entry.value), "{entry:?}");
        if taken {
            entries.push(entry);
        }
    }
    let index = Index::from_bytes(builder.finish().expect("a small index")).expect("our own");
    let model = List::new(&entries);
    let mut written = Vec::new();
    index.for_each(&mut |key, value| {
        let (key, priority) = (key.to_vec(), value.priority);
        written.push(Entry { key, value: value.value.to_vec(), priority });
    });
    assert_eq!(written, model.entries());
    for question in lines.chain(entries.iter().map(|entry| entry.key.as_slice())).take(24) {
        assert_eq!(index.find(question), model.find(question), "{question:?}");
        let found = index.find_matching(question);
        if question.iter().any(|byte| b"*?[".contains(byte)) {
            // A value can come twice, but none is missed and none is invented.
            for entry in &entries {
                let here = found.iter().any(|value| value.value == entry.value);
                assert!(here || !List::matches(&entry.key, question), "{question:?} {entry:?}");
            }
            let own = |value: &[u8]| {
                entries.iter().any(|entry| entry.value == value && followed(entry, question))
            };
            assert!(
                found.iter().all(|value| own(value.value)),
                "{question:?} {found:?} {entries:?}"
            );
        } else {
            let found = found.iter().map(|value| (value.priority, value.value));
            let expected = model.find_matching(question);
            let expected = expected.iter().map(|entry| (entry.priority, entry.value.as_slice()));
            assert!(found.eq(expected), "{question:?} {entries:?}");
        }
    }
}

fn entry(line: &[u8]) -> Entry {
    let (priority, rest) = line.split_first().map_or((0, line), |(byte, rest)| (byte % 4, rest));
    let mut words = rest.splitn(2, |byte| *byte == b' ');
    let mut word = || words.next().unwrap_or_default().to_vec();
    Entry { key: word(), value: word(), priority: priority.into() }
}

/// Whether the key matches when some of its first wildcards are bytes.
fn followed(entry: &Entry, question: &[u8]) -> bool {
    let key = &entry.key;
    (0..=key.len().min(question.len()))
        .any(|at| key[..at] == question[..at] && List::matches(&key[at..], &question[at..]))
}
