//! What somebody may have meant who misspelt a name.

/// The name among `all` that is nearest to `name`: at most one letter in three missing,
/// too much, another or in its neighbour's place, and no more than two; or all of it in
/// small or capital letters. `None` if there is none so near, or several are as near as
/// each other.
pub fn nearest<'a>(name: &[u8], all: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut found = all_nearest(name, all);
    let nearest = found.pop();
    nearest.filter(|_| found.is_empty())
}

/// The names among `all` that are nearest to `name`, all as near as each other, without
/// repetition; none that are farther than for [`nearest`].
pub fn all_nearest<'a>(name: &[u8], all: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut most = name.len().checked_div(3).unwrap_or(0).min(2);
    let mut best: Vec<&[u8]> = Vec::new();
    for other in all {
        if other.len().abs_diff(name.len()) > most || other == name {
            continue;
        }
        // Modules are called in small letters, and case is all that is wrong.
        let apart = if other.eq_ignore_ascii_case(name) { 0 } else { distance(name, other) };
        if apart < most {
            best.clear();
            most = apart;
        }
        if apart == most && !best.contains(&other) {
            best.push(other);
        }
    }
    best.into_iter().map(<[u8]>::to_vec).collect()
}

/// How many letters have to be changed, put in, taken out or swapped with their
/// neighbours (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, own) in a.iter().enumerate() {
        let mut line = vec![row.saturating_add(1)];
        for (column, other) in b.iter().enumerate() {
            let at = |line: &[usize], back: usize| {
                let index = column.saturating_add(1).checked_sub(back);
                index.and_then(|index| line.get(index)).copied().unwrap_or(usize::MAX)
            };
            let changed = at(&last, 1).saturating_add(usize::from(own != other));
            let mut least = changed.min(at(&last, 0).saturating_add(1));
            least = least.min(at(&line, 1).saturating_add(1));
            let earlier =
                |text: &[u8], at: usize| at.checked_sub(1).and_then(|at| text.get(at).copied());
            if earlier(a, row) == Some(*other) && earlier(b, column) == Some(*own) {
                least = least.min(at(&before, 2).saturating_add(1));
            }
            line.push(least);
        }
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_or_none() {
        let names: [&[u8]; 6] = [b"dummy", b"loop", b"nouveau", b"snd_hda_intel", b"brd", b"nbd"];
        let of = |name: &str| {
            let found = nearest(name.as_bytes(), names.into_iter());
            found.map(|name| String::from_utf8(name).unwrap())
        };
        assert_eq!(of("dumy").as_deref(), Some("dummy"));
        assert_eq!(of("dmumy").as_deref(), Some("dummy"));
        assert_eq!(of("nuoveau").as_deref(), Some("nouveau"));
        assert_eq!(of("snd_hda_inetl").as_deref(), Some("snd_hda_intel"));
        assert_eq!(of("dummy"), None);
        assert_eq!(of("lop").as_deref(), Some("loop"));
        assert_eq!(of("bd"), None, "too short to tell");
        assert_eq!(of("nrd"), None, "two are as near");
        assert_eq!(of("elephant"), None);
        assert_eq!(of("BRD").as_deref(), Some("brd"));
        assert_eq!(of("Snd_HDA_Intel").as_deref(), Some("snd_hda_intel"));
        assert_eq!(all_nearest(b"nrd", names.into_iter()), [&b"brd"[..], b"nbd"]);
        assert_eq!(all_nearest(b"dumy", names.into_iter().chain(names)), [&b"dummy"[..]]);
    }
}
