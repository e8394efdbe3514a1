//! What depmod remembers of the last run.

use komod_cache::{Facts, Moment, Tree, checksum};

use crate::{Limits, Target, seeds};

pub const CACHE: Target = Target {
    name: "cache",
    reads: "depmod's memory of its last run, with a sum that is right",
    run: cache,
    seeds: seeds::caches,
    longest: 4096,
    words: &[TREE, FACTS, b"\xff\xff\xff\xff", b"\x01\0\0\0"],
    limits: Limits::PROMISED,
};

/// How the two files begin.
const TREE: &[u8] = b"komodT\0\x02";
const FACTS: &[u8] = b"komodF\0\x02";

/// All but the sum at the end, which is made here: it guards against damage, not
/// against who can count.
fn cache(input: &[u8]) {
    let _ = (Tree::parse(input), Facts::parse(input, 0));
    let sum = checksum(input);
    let file = [input, &sum.to_le_bytes()].concat();
    if let Some(tree) = Tree::parse(&file) {
        assert!(tree.to_bytes().as_ref() == Some(&file), "a tree that is written otherwise");
        let now = Moment { seconds: i64::MAX, nanoseconds: 0 };
        let keys = tree.modules.iter().filter_map(|module| module.known.as_ref());
        let listed = tree.directories.iter().map(|directory| &directory.known);
        for known in keys.chain(listed).chain(tree.inputs.iter().flatten()) {
            assert_eq!(known.still_holds(&known.key), known.settled);
            let _ = known.key.is_settled(now);
        }
    }
    if let Some(facts) = Facts::parse(&file, sum) {
        let mut place = 0;
        while let Some(module) = facts.module(place) {
            assert!(module.exports().all(|name| (name as usize) < facts.names().len()));
            assert!(module.wants().all(|want| (want.name as usize) < facts.names().len()));
            assert!(module.texts().map(|(_, text)| text.len()).sum::<usize>() <= input.len());
            place += 1;
        }
        assert!(place <= input.len(), "more modules than bytes");
    }
}
