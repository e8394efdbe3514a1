//! Which answers come, and in which order. Every expectation is what
//! `modprobe -R` of kmod 34.2 says for the same index.

use super::{ask, dump, index};

/// One key of each kind, all of one priority.
const KINDS: [(&str, &str, u32); 10] = [
    ("a*", "star", 0),
    ("a?", "q", 0),
    ("a[b]", "br", 0),
    ("ab", "lit", 0),
    ("*", "s0", 0),
    ("?b", "q0", 0),
    ("[a]b", "b0", 0),
    ("a*b", "sb", 0),
    ("ab*", "abs", 0),
    ("**", "ss", 0),
];

#[test]
fn of_equal_priorities_the_later_found_comes_first() {
    let found = "lit abs br q star sb b0 q0 s0 ss";
    assert_eq!(ask(&index(&KINDS), "ab"), found);
    let mut reversed = KINDS;
    reversed.reverse();
    assert_eq!(ask(&index(&reversed), "ab"), found, "insertion has no say");
}

#[test]
fn priorities_come_before_the_order_of_search() {
    let mut kinds = KINDS;
    kinds.iter_mut().zip(0..).for_each(|(kind, priority)| kind.2 = priority);
    assert_eq!(ask(&index(&kinds), "ab"), "star q br lit s0 q0 b0 sb abs ss");
}

#[test]
fn a_subtree_is_searched_children_first() {
    let stars = ["a*b*", "a*b*c", "a*b", "a*a", "a*", "a*?"];
    let entries: Vec<_> = stars.iter().map(|key| (*key, *key, 0)).collect();
    assert_eq!(ask(&index(&entries), "axbxc"), "a* a*b* a*b*c a*?");
    assert_eq!(ask(&index(&entries), "ab"), "a* a*b a*b* a*?");
    let stars = ["*x", "*?", "*[x]", "**", "*", "*x*"];
    let entries: Vec<_> = stars.iter().map(|key| (*key, *key, 0)).collect();
    assert_eq!(ask(&index(&entries), "x"), "* *x *x* *[x] *? **");
}

#[test]
fn values_of_one_key_come_as_inserted() {
    let several = index(&[
        ("abc", "m1", 3),
        ("abc", "m2", 1),
        ("abc", "m3", 3),
        ("ab*", "m4", 3),
        ("ab*", "m5", 1),
    ]);
    assert_eq!(ask(&several, "abc"), "m2 m5 m1 m3 m4");
    assert_eq!(several.find(b"abc"), Some(&b"m2"[..]));
    // The file has it the other way round.
    assert_eq!(dump(&several), ["ab* m5 1", "ab* m4 3", "abc m2 1", "abc m3 3", "abc m1 3"]);
}

#[test]
fn the_empty_key_is_a_key() {
    let empty = index(&[("", "m1", 3), ("*", "m2", 3)]);
    assert_eq!(ask(&empty, ""), "m1 m2");
    assert_eq!(ask(&empty, "abc"), "m2");
    assert_eq!(dump(&empty), [" m1 3", "* m2 3"]);
    assert_eq!(empty.find(b""), Some(&b"m1"[..]));
}

#[test]
fn a_wildcard_in_the_question_matches_itself() {
    assert_eq!(ask(&index(&[("a*", "x", 0)]), "a*"), "x");
    assert_eq!(ask(&index(&[("a*", "x", 0), ("a*b", "y", 0)]), "a*b"), "x y");
    assert_eq!(ask(&index(&[("a[bc]", "x", 0)]), "a[bc]"), "");
}

#[test]
fn a_wildcard_in_the_question_may_find_a_value_twice() {
    assert_eq!(ask(&index(&[("*", "x", 0)]), "*"), "x x");
    assert_eq!(ask(&index(&[("*a*", "x", 0), ("*ab*", "y", 0)]), "*ab*"), "y x y x");
}

#[test]
fn a_backslash_escapes_only_behind_a_wildcard() {
    assert_eq!(ask(&index(&[("a\\*b", "x", 0)]), "a*b"), "");
    assert_eq!(ask(&index(&[("a\\*b", "x", 0)]), "a\\*b"), "x");
    assert_eq!(ask(&index(&[("*\\*b", "x", 0)]), "q*b"), "x");
}
