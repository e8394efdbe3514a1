//! In which order modules stand in the files: by a hash of their names, then
//! what the kernel's build listed in `modules.order` first.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::catalog::Catalog;
use crate::finding::{Finding, Sink};
use crate::found::Found;
use crate::inputs;
use crate::names::Names;

const MODULE_BUCKETS: u32 = 512;
/// Buckets of the symbol table, which order modules.symbols.
pub(crate) const SYMBOL_BUCKETS: u32 = 2048;

/// The modules in the order of the hash table that depmod has always kept
/// them in, those that `modules.order` in `dir` lists before all others.
///
/// Without a readable `modules.order`, or when it ends in the middle of a
/// line, the hash alone decides and the sink hears why.
pub fn sort<'k>(mut modules: Vec<Found>, dir: &Path, sink: &mut Sink<'_>) -> Catalog<'k> {
    modules.sort_by_cached_key(|module| {
        let name = module.name.as_bytes();
        (bucket(name, MODULE_BUCKETS), name.to_vec())
    });
    if let Some(listing) = read_listing(dir, sink) {
        by_listing(&mut modules, &listing);
    }
    Catalog::new(modules)
}

fn read_listing(dir: &Path, sink: &mut Sink<'_>) -> Option<Vec<u8>> {
    const NAME: &str = "modules.order";
    let text = inputs::read(dir, NAME, sink)?;
    if text.last().is_some_and(|&b| b != b'\n') {
        let line = text.split(|&b| b == b'\n').count();
        sink(Finding::OrderCut { path: dir.join(NAME).as_os_str().as_bytes(), line });
        return None;
    }
    Some(text)
}

/// Moves what is listed to the front, in the order of the listing; the others
/// keep their order.
fn by_listing(modules: &mut [Found], listing: &[u8]) {
    let mut lines = Names::default();
    // The first place of each line, by the line's number.
    let mut places: Vec<usize> = Vec::new();
    for (place, line) in listing.split(|&b| b == b'\n').enumerate() {
        if lines.intern(line) as usize == places.len() {
            places.push(place);
        }
    }
    modules.sort_by_cached_key(|module| {
        let number = module.listed_in_order().map(|path| lines.intern(path) as usize);
        number.and_then(|number| places.get(number).copied()).unwrap_or(usize::MAX)
    });
}

/// The bucket of `name` in a table of `buckets` (a power of two).
pub(crate) fn bucket(name: &[u8], buckets: u32) -> u32 {
    hash(name) & (buckets - 1)
}

/// Paul Hsieh's "super fast hash", words read as little-endian: the order of
/// the files must not depend on the host.
fn hash(name: &[u8]) -> u32 {
    let mut h = name.len() as u32;
    let mut rest = name;
    while let [a, b, c, d, after @ ..] = rest {
        rest = after;
        h = h.wrapping_add(word(*a, *b));
        let t = (word(*c, *d) << 11) ^ h;
        h = (h << 16) ^ t;
        h = h.wrapping_add(h >> 11);
    }
    match rest {
        [a, b, c] => {
            h = h.wrapping_add(word(*a, *b));
            h ^= h << 16;
            h ^= u32::from(*c) << 18;
            h = h.wrapping_add(h >> 11);
        }
        [a, b] => {
            h = h.wrapping_add(word(*a, *b));
            h ^= h << 11;
            h = h.wrapping_add(h >> 17);
        }
        [a] => {
            // The byte counts as signed.
            h = h.wrapping_add(i32::from(*a as i8) as u32);
            h ^= h << 10;
            h = h.wrapping_add(h >> 1);
        }
        _ => {}
    }
    h ^= h << 3;
    h = h.wrapping_add(h >> 5);
    h ^= h << 4;
    h = h.wrapping_add(h >> 17);
    h ^= h << 25;
    h.wrapping_add(h >> 6)
}

fn word(low: u8, high: u8) -> u32 {
    u32::from(u16::from_le_bytes([low, high]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Found {
        Found::below(Path::new("/m"), path.as_bytes())
    }

    fn names(modules: &[Found]) -> Vec<&str> {
        modules.iter().map(|m| std::str::from_utf8(m.name.as_bytes()).unwrap()).collect()
    }

    /// Values of the reference program's order of these names.
    #[test]
    fn the_hash_orders_names_of_every_length_as_the_original_does() {
        let mut names = ["a", "b_x", "c", "bad", "empty", "short", "trunc", "badz", "badxz"];
        names.sort_by_key(|name| bucket(name.as_bytes(), MODULE_BUCKETS));
        assert_eq!(names, ["trunc", "short", "empty", "c", "badz", "badxz", "b_x", "a", "bad"]);
    }

    #[test]
    fn listed_modules_come_first_once_and_compressed_ones_too() {
        let mut modules = vec![found("x/a.ko.xz"), found("x/b-c.ko"), found("y/d.ko")];
        by_listing(&mut modules, b"y/d.ko\nnot/there.ko\nx/b-c.ko\ny/d.ko\n");
        assert_eq!(names(&modules), ["d", "b_c", "a"]);
        by_listing(&mut modules, b"x/a.ko\n");
        assert_eq!(names(&modules), ["a", "d", "b_c"]);
    }

    #[test]
    fn a_cut_listing_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("modules.order"), "b.ko\na.ko").unwrap();
        let mut lines = Vec::new();
        let listing = read_listing(dir.path(), &mut |finding| {
            if let Finding::OrderCut { line, .. } = finding {
                lines.push(line);
            }
        });
        assert_eq!((listing, lines), (None, vec![2]));
    }
}
