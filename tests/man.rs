//! The manual pages document the options that the tools have, all of them and
//! no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Arg;
use komod::tools::TOOLS;

/// The page of a tool; `list` and `static-nodes` stand in that of `kmod`.
fn page_of(tool: &str) -> String {
    match tool {
        "list" | "static-nodes" => "kmod.8".into(),
        tool => format!("{tool}.8"),
    }
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The options that a page documents: of each `.It Fl` line every `Fl x` as
/// `-x` and every `Fl Fl word` as `--word`.
fn documented(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in page.lines().filter_map(|line| line.strip_prefix(".It Fl ")) {
        let mut dashes = 1;
        for word in line.split_whitespace() {
            match (word, dashes) {
                ("Fl", _) => dashes += 1,
                (_, 0) => {}
                (name, _) => {
                    found.insert("-".repeat(dashes) + name);
                    dashes = 0;
                }
            }
        }
    }
    found
}

/// How an option may be spelt; all spellings, or those that help shows.
fn spellings(arg: &Arg, all: bool) -> BTreeSet<String> {
    let (short_aliases, aliases) = if all {
        (arg.get_all_short_aliases(), arg.get_all_aliases())
    } else {
        (arg.get_visible_short_aliases(), arg.get_visible_aliases())
    };
    let short = arg.get_short().into_iter().chain(short_aliases.unwrap_or_default());
    let long = arg.get_long().into_iter().chain(aliases.unwrap_or_default());
    let short = short.map(|letter| format!("-{letter}"));
    short.chain(long.map(|name| format!("--{name}"))).collect()
}

#[test]
fn every_option_is_in_the_manual() {
    for tool in TOOLS {
        let page = page_of(tool.name);
        let documented = documented(&read(&page));
        let definition = (tool.definition)();
        let shown = definition.get_arguments().filter(|arg| !arg.is_hide_set());
        let missing: Vec<_> = shown
            .flat_map(|arg| spellings(arg, false))
            .filter(|spelling| !documented.contains(spelling))
            .collect();
        assert!(missing.is_empty(), "man/{page} lacks options of {}: {missing:?}", tool.name);
    }
}

#[test]
fn every_option_in_the_manual_exists() {
    for page in TOOLS.iter().map(|tool| page_of(tool.name)).collect::<BTreeSet<_>>() {
        let mut known = BTreeSet::new();
        for tool in TOOLS.iter().filter(|tool| page_of(tool.name) == page) {
            for arg in (tool.definition)().get_arguments() {
                known.extend(spellings(arg, true));
            }
        }
        let documented = documented(&read(&page));
        let unknown: Vec<_> = documented.difference(&known).collect();
        assert!(documented.contains("--help"), "man/{page}: no options found");
        assert!(unknown.is_empty(), "man/{page} documents what no tool has: {unknown:?}");
    }
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

#[test]
fn option_lines_are_read_as_mdoc_means_them() {
    let page = ".It Fl C Ar path , Fl Fl config Ns = Ns Ar path\n\
                text of Fl x\n\
                .It Fl Fl first-time\n\
                .It Fl 0 , Fl Fl null\n\
                .It Cm Fl\n";
    let expected = ["--config", "--first-time", "--null", "-0", "-C"];
    assert_eq!(documented(page), expected.map(String::from).into());
}
