//! The lists of behaviours and their tests (`tests/*.md`): every test that they name is
//! there.
#![allow(clippy::restriction)]

use std::fs;
use std::path::Path;

use xtask::named::is_named;
use xtask::workspace::workspace;

/// The words between backquotes in the last column of a table.
fn named(text: &str) -> Vec<&str> {
    let cells = text.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// What a list may name: cases, scenarios.
fn known() -> Vec<String> {
    let names = |dir: &Path| -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let cases = workspace().join("tests/cases");
    let mut known = Vec::new();
    for tool in names(&cases) {
        known.extend(names(&cases.join(&tool)).iter().map(|case| format!("{tool}/{case}")));
    }
    let scenarios = names(&workspace().join("tests/vm"));
    let scenarios = scenarios.iter().filter_map(|name| name.strip_suffix(".sh"));
    known.extend(scenarios.map(|name| format!("vm/{name}")));
    known
}

#[test]
fn every_test_that_a_list_names_is_there() {
    let known = known();
    for list in ["coverage.md", "easily-missed.md"] {
        let text = fs::read_to_string(workspace().join("tests").join(list)).unwrap();
        let named = named(&text);
        assert!(named.len() > 40, "{list} names {} tests", named.len());
        let is_there = |name: &str| {
            let command = name.starts_with("cargo xtask ");
            command || workspace().join(name).is_file() || known.iter().any(|k| is_named(name, k))
        };
        let missing: Vec<_> = named.into_iter().filter(|name| !is_there(name)).collect();
        assert!(missing.is_empty(), "{list} names no tests: {missing:#?}");
    }
}

#[test]
fn every_row_names_a_test_or_says_why_not() {
    let text = fs::read_to_string(workspace().join("tests/coverage.md")).unwrap();
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let held = row.contains('/') || row.contains("cannot be provoked");
        assert!(held || row.starts_with("| behaviour |"), "{row}");
    }
}
