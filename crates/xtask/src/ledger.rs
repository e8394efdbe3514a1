//! The README's table of differences from kmod, held to its tests: a row
//! names a test that exists, and a test of a difference has its row.

use std::path::Path;

use crate::test::workspace;

/// The tests named in the table, as paths from the root.
fn named() -> Vec<String> {
    let text = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, table) = text.split_once("## Differences from kmod").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let words = table.lines().filter(|l| l.starts_with('|')).flat_map(|l| l.split('`'));
    words.filter(|w| w.starts_with("tests/")).map(str::to_owned).collect()
}

/// The tests that say of themselves that the original differs.
fn differing(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let short = path.strip_prefix(workspace()).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            differing(&path, found);
        } else if short.ends_with("/why") {
            found.push(short.trim_end_matches("/why").to_owned());
        } else if let Some(name) = short.strip_suffix(".sh")
            && std::fs::read_to_string(&path).unwrap().contains("\n# differs:")
        {
            found.push(name.to_owned());
        }
    }
}

#[test]
fn every_row_names_a_test_that_is_there() {
    let named = named();
    assert!(named.len() > 3, "the table is gone");
    for name in named {
        let path = workspace().join(&name);
        let there = path.is_dir() || path.with_extension("sh").is_file();
        assert!(there, "README.md names {name}, which is not there");
    }
}

#[test]
fn every_difference_has_its_row() {
    let mut found = Vec::new();
    differing(&workspace().join("tests"), &mut found);
    assert!(found.len() > 3, "no test of a difference found");
    let named = named();
    let missing: Vec<_> = found.iter().filter(|f| !named.contains(f)).collect();
    assert!(missing.is_empty(), "no row in README.md's table of differences: {missing:?}");
}
