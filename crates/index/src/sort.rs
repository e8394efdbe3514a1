//! Sorts texts that have much in common: names of devices, of symbols.

use std::cmp::Ordering;

/// So few are compared as a whole: looking for the next chunk of each costs more.
const FEW: usize = 6;

/// A text in eight of its bytes, and its number among all.
type Item = (u64, u32);

/// The numbers from 0 to `count`, sorted by `text` of each in byte order, then by
/// `tie`. No text holds a NUL.
///
/// Eight bytes of all are sorted as numbers, then the next eight of those that have
/// these in common: nothing is compared from its start again and again.
pub(crate) fn sorted<'t>(
    count: u32,
    text: impl Fn(u32) -> &'t [u8],
    tie: impl Fn(u32, u32) -> Ordering,
) -> Vec<u32> {
    let mut items: Vec<Item> = (0..count).map(|number| (0, number)).collect();
    // Where there are several texts that have the first so many bytes in common.
    let mut open = vec![(0..items.len(), 0_usize)];
    while let Some((range, depth)) = open.pop() {
        let start = range.start;
        let Some(items) = items.get_mut(range) else { continue };
        let rest = |number: u32| text(number).get(depth..).unwrap_or_default();
        if items.len() <= FEW {
            items.sort_unstable_by(|a, b| rest(a.1).cmp(rest(b.1)).then_with(|| tie(a.1, b.1)));
            continue;
        }
        for item in items.iter_mut() {
            item.0 = chunk(rest(item.1));
        }
        items.sort_unstable_by_key(|item| item.0);
        let mut at = start;
        for run in items.chunk_by_mut(|a, b| a.0 == b.0) {
            let end = at.saturating_add(run.len());
            match run {
                [] | [_] => {}
                // The texts end here.
                [(bytes, _), ..] if *bytes & 0xff == 0 => {
                    run.sort_unstable_by(|a, b| tie(a.1, b.1));
                }
                _ => open.push((at..end, depth.saturating_add(8))),
            }
            at = end;
        }
    }
    items.into_iter().map(|item| item.1).collect()
}

/// The first eight bytes as a number that sorts as they do, NULs behind a shorter text.
fn chunk(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let bytes = text.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
            let missing = 8_u32.saturating_sub(text.len() as u32);
            bytes.checked_shl(missing.saturating_mul(8)).unwrap_or(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sorts(texts: &[Vec<u8>]) {
        let mut expected: Vec<u32> = (0..texts.len() as u32).collect();
        let text = |number: u32| texts[number as usize].as_slice();
        // Of equal ones the last comes first.
        expected.sort_by(|a, b| text(*a).cmp(text(*b)).then(b.cmp(a)));
        assert_eq!(sorted(texts.len() as u32, text, |a, b| b.cmp(&a)), expected);
    }

    #[test]
    fn texts_of_all_lengths_and_beginnings_are_sorted() {
        sorts(&[]);
        let mut state = 1_u32;
        for alphabet in [1, 2, 26] {
            for count in [1, 2, 5, 50, 2000] {
                let mut texts = Vec::new();
                for _ in 0..count {
                    let mut text = b"pci:v0000".to_vec();
                    state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
                    text.truncate((state >> 16) as usize % 12);
                    for _ in 0..(state >> 8) % 40 {
                        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
                        text.push(b'a' + (state >> 16) as u8 % alphabet);
                    }
                    texts.push(text);
                }
                sorts(&texts);
            }
        }
    }

    #[test]
    fn very_long_equal_texts_need_no_stack() {
        sorts(&vec![vec![b'x'; 1 << 20]; 9]);
    }
}
