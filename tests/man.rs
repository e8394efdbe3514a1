//! The manual pages are whole and refer to pages that exist. That they document
//! all options is held in `crates/xtask/tests/options.rs`.
#![allow(clippy::restriction)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Name, section and text of every page.
fn pages() -> Vec<(String, String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let pages = names.map(|file| {
        let file = file.into_string().unwrap();
        let (name, section) = file.rsplit_once('.').unwrap();
        (name.to_owned(), section.to_owned(), read(&file))
    });
    pages.collect()
}

#[test]
fn every_page_says_which_it_is_and_has_the_sections_that_readers_look_for() {
    let of_all = ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXAMPLES", "SEE ALSO"];
    for (name, section, text) in pages() {
        let title = format!(".Dt {} {section}\n", name.to_uppercase());
        assert!(text.contains(&title), "{name}.{section}: not titled {title}");
        let program = (section == "8").then_some("EXIT STATUS");
        for wanted in of_all.into_iter().chain(program) {
            let head = format!("\n.Sh {wanted}\n");
            assert!(text.contains(&head), "{name}.{section}: no section {wanted}");
        }
    }
}

#[test]
fn references_lead_somewhere() {
    let pages = pages();
    let ours: BTreeSet<_> =
        pages.iter().map(|(name, section, _)| format!("{name} {section}")).collect();
    let others = [
        "delete_module 2",
        "dmesg 1",
        "fnmatch 3",
        "glob 7",
        "init_module 2",
        "jq 1",
        "regex 7",
        "syslog 3",
        "systemd-tmpfiles 8",
        "tmpfiles.d 5",
    ];
    for (name, section, text) in &pages {
        for reference in text.lines().filter_map(|line| line.strip_prefix(".Xr ")) {
            let words: Vec<_> = reference.split_whitespace().take(2).collect();
            let to = words.join(" ");
            let known = ours.contains(&to) || others.contains(&to.as_str());
            assert!(known, "{name}.{section} refers to {to}");
        }
    }
}
