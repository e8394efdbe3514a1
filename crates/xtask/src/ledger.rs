//! The README's table of differences from kmod, held to its tests: a row
//! names tests of a difference, and each such test has its row.

use std::path::Path;

use crate::named::is_named;
use crate::workspace::workspace;

/// The tests named in the table: paths from the root, `FILE::TEST` for those
/// that stand in a source file.
fn named() -> Vec<String> {
    let text = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, table) = text.split_once("## Differences from kmod").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let words = table.lines().filter(|l| l.starts_with('|')).flat_map(|l| l.split('`'));
    words.filter(|w| w.starts_with("tests/") || w.contains("::")).map(str::to_owned).collect()
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
        } else if let Some(name) = short.strip_suffix(".sh") {
            if std::fs::read_to_string(&path).unwrap().contains("\n# differs:") {
                found.push(name.to_owned());
            }
        }
    }
}

#[test]
fn the_table_and_the_tests_agree() {
    let mut found = Vec::new();
    differing(&workspace().join("tests"), &mut found);
    let named = named();
    assert!(found.len() > 3 && named.len() > 3, "{found:?} {named:?}");
    for row in &named {
        let there = match row.split_once("::") {
            Some((file, test)) => std::fs::read_to_string(workspace().join(file))
                .is_ok_and(|text| text.contains(&format!("fn {test}("))),
            None => found.iter().any(|f| is_named(row, f)),
        };
        assert!(there, "README.md names {row}, which is no test of a difference");
    }
    let rowless: Vec<_> = found.iter().filter(|f| !named.iter().any(|n| is_named(n, f))).collect();
    assert!(rowless.is_empty(), "not in README.md's table of differences: {rowless:?}");
}
