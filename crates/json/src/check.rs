use crate::Line;

/// Puts one thing that is wrong with a tree: with which file, in which line of it (from
/// 1; `None` where it has none), a word for its kind, and a sentence.
#[inline(never)] // it would be built for speed where it is called
pub fn put_finding(to: &mut Line, file: &[u8], line: Option<u64>, kind: &str, what: &str) {
    to.key("file").text(file);
    match line {
        Some(number) => to.key("line").number(number),
        None => to.key("line").null(),
    }
    to.key("kind").text(kind.as_bytes());
    to.key("what").text(what.as_bytes());
}
