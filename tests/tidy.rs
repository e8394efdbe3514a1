//! The rules of the house, as tests: who may depend on whom, how long a file
//! may be, where `unsafe` may stand, what is never committed.
#![allow(clippy::restriction)]

use std::fs;
use std::path::{Path, PathBuf};

/// Which of our crates a crate may use. Leaves, then formats, then engines,
/// then the tools; nothing upward, nothing sideways.
const EDGES: &[(&str, &[&str])] = &[
    ("name", &[]),
    ("elf", &[]),
    ("file", &[]),
    ("kernel", &[]),
    ("index", LEAVES),
    ("config", LEAVES),
    ("cache", &[]),
    ("command", &["name"]),
    ("probe", UNDER_PROBE),
    ("depmod", FORMATS),
    ("why", ENGINES),
    ("check", OVER_ENGINES),
    ("json", ENGINES),
    ("explain", TELLERS),
    ("libkmod", ENGINES),
];
const LEAVES: &[&str] = &["name", "elf", "file", "kernel"];
const FORMATS: &[&str] = &["name", "elf", "file", "kernel", "index", "config", "cache"];

/// What is loaded may be a command.
const UNDER_PROBE: &[&str] =
    &["name", "elf", "file", "kernel", "index", "config", "cache", "command"];

/// Of the engines the library, and who says why, use the one that the tools load with.
const ENGINES: &[&str] = &["name", "elf", "file", "kernel", "index", "config", "probe"];

/// What looks at a whole tree uses depmod's engine too, and the words of who says why.
const OVER_ENGINES: &[&str] = &["name", "elf", "file", "index", "config", "probe", "depmod", "why"];

/// What tells of a name uses the words of who says why, and writes for programs.
const TELLERS: &[&str] = &["name", "elf", "file", "kernel", "config", "probe", "why", "json"];

/// The only files that may hold `unsafe`: each says why.
const ISLANDS: &[&str] = &[
    "crates/index/src/map.rs",
    "crates/libkmod/src/abi.rs",
    "crates/libkmod/src/abi/handle.rs",
    "crates/libkmod/src/abi/log.rs",
    "src/heap.rs",
    "src/main.rs",
    "src/memory.rs",
    "src/unwind.rs",
];

/// No source file is longer. One that wants to be holds two concepts.
const LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project, by its path from the root.
fn files() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !path.is_symlink() {
                if name != "target" && name != ".git" {
                    open.push(path);
                }
            } else if name != ".git" {
                let short = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((short, path));
            }
        }
    }
    assert!(found.len() > 30, "the walk found next to nothing");
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|(short, _)| short.ends_with(".rs"));
    rust.map(|(short, path)| (short, fs::read_to_string(path).unwrap())).collect()
}

/// The names of our crates in one section of a Cargo.toml, `komod-` cut off.
fn used_by(manifest: &str, section: &str) -> Vec<String> {
    let body = manifest.split(&format!("\n[{section}]\n")).nth(1).unwrap_or_default();
    let body = body.split("\n[").next().unwrap_or_default();
    body.lines()
        .filter_map(|line| line.strip_prefix("komod-"))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn crates_depend_downwards_only() {
    for (name, allowed) in EDGES {
        let manifest = fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml")));
        let used = used_by(&manifest.unwrap(), "dependencies").into_iter();
        let broken = used.filter(|used| !allowed.contains(&used.as_str()));
        none(&format!("{name} may use {allowed:?} only"), broken.collect());
    }
}

#[test]
fn the_fuzzer_comes_with_nothing_else() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let library = "libfuzzer-sys = { workspace = true, optional = true }";
    assert!(manifest.contains(library), "libFuzzer is built where nobody fuzzes");
    assert!(!manifest.contains("\ndefault = "), "libFuzzer is built by default");
    let manifests = files().into_iter().filter(|(short, _)| short.ends_with("Cargo.toml"));
    let users = manifests.filter(|(short, path)| {
        let text = fs::read_to_string(path).unwrap();
        let depends = ["dependencies", "dev-dependencies"]
            .iter()
            .any(|section| used_by(&text, section).iter().any(|used| used == "fuzz"));
        depends && short != "crates/xtask/Cargo.toml"
    });
    none("only xtask may use fuzz", users.map(|(short, _)| short).collect());
    let map = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(map.contains("\n| `fuzz` | "), "fuzz is not on the map");
}

#[test]
fn every_crate_has_a_rule_and_a_place_on_the_map() {
    let map = fs::read_to_string(root().join("src/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = EDGES.iter().any(|(known, _)| *known == name) || name == "xtask";
        assert!(known, "crates/{name} has no line in EDGES");
        assert!(!["common", "util", "utils", "helpers", "misc"].contains(&name.as_str()));
        assert!(map.contains(&format!("crates/{name}")), "crates/{name} is not on the map");
    }
}

#[test]
fn every_part_says_what_it_is() {
    let heads = sources()
        .into_iter()
        .filter(|(short, _)| short.ends_with("/lib.rs") || short.ends_with("/main.rs"));
    let broken = heads.filter(|(_, text)| !text.starts_with("//! "));
    none("no //! head", broken.map(|(short, _)| short).collect());
}

#[test]
fn no_source_file_is_too_long() {
    let long = sources().into_iter().filter_map(|(short, text)| {
        let lines = text.lines().count();
        (lines > LINES).then(|| format!("{short}: {lines} lines"))
    });
    none(&format!("longer than {LINES} lines"), long.collect());
}

#[test]
fn unsafe_stands_on_named_islands() {
    let mut seen = Vec::new();
    for (short, text) in sources() {
        // Tests that play the kernel need it; they are not shipped.
        if short.starts_with("tests/") || short.starts_with("crates/xtask/") {
            continue;
        }
        let holds_unsafe = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe")
        });
        if holds_unsafe {
            assert!(text.contains("SAFETY: "), "{short}: unsafe without a SAFETY sentence");
            seen.push(short);
        }
    }
    seen.sort();
    assert_eq!(seen, ISLANDS, "files with unsafe code, and the named islands");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let silent = ISLANDS.iter().filter(|island| !readme.contains(&format!("\n| `{island}` | ")));
    none("islands without a line in README.md", silent.map(|s| (*s).to_owned()).collect());
}

#[test]
fn crates_and_tools_never_print_or_leave() {
    let words = ["println!", "print!(", "eprintln!", "eprint!(", "dbg!(", "process::exit"];
    let shipped = sources().into_iter().filter(|(short, _)| {
        (short.starts_with("src/") || short.starts_with("crates/"))
            && !short.starts_with("crates/xtask/")
    });
    let broken = shipped.filter(|(_, text)| words.iter().any(|word| text.contains(word)));
    none("prints or exits", broken.map(|(short, _)| short).collect());
}

#[test]
fn the_lints_stand_in_one_place() {
    let manifests = files().into_iter().filter(|(short, _)| short.ends_with("Cargo.toml"));
    let without = manifests.filter(|(_, path)| {
        !fs::read_to_string(path).unwrap().contains("\n[lints]\nworkspace = true\n")
    });
    none("lints of its own", without.map(|(short, _)| short).collect());
    let shipped = sources().into_iter().filter(|(short, _)| {
        let shipped = short.starts_with("src/") || short.starts_with("crates/");
        shipped && !short.contains("/tests/") && !short.starts_with("crates/xtask/")
    });
    let word = ["clippy::restr", "iction"].concat();
    let relaxed = shipped.filter(|(_, text)| {
        text.lines().any(|line| line.contains(&word) && !line.starts_with("#![cfg_attr(test, "))
    });
    none("may panic or print", relaxed.map(|(short, _)| short).collect());
}

#[test]
fn the_environment_is_read_in_one_place() {
    const PLACE: &str = "src/host.rs";
    /// The library has no host: its caller's process is not its own.
    const LIBRARY: &str = "crates/libkmod/src/log.rs";
    let words = ["env::var", "env::temp_dir", "env::home_dir", "env::split_paths", "getenv"];
    let reads = |text: &String| words.iter().any(|word| text.contains(word));
    let shipped = sources().into_iter().filter(|(short, _)| {
        let outside = ["crates/xtask/", "tests/", "fuzz/"].iter().any(|o| short.starts_with(o));
        !outside && !short.contains("/tests/")
    });
    let readers: Vec<_> = shipped.filter(|(_, text)| reads(text)).map(|(short, _)| short).collect();
    assert_eq!(readers, [LIBRARY, PLACE], "files that read the environment");
    let place = fs::read_to_string(root().join(PLACE)).unwrap();
    let mut names: Vec<_> =
        place.split("var_os(\"").skip(1).map(|n| n.split('"').next().unwrap()).collect();
    names.sort_unstable();
    let known = ["KMOD_LOG", "KOMOD_THREADS", "MODPROBE_OPTIONS", "POSIXLY_CORRECT"];
    assert_eq!(names, known, "variables that are read");
    let pages: Vec<_> = ["modprobe.8", "depmod.8", "modinfo.8"]
        .map(|page| fs::read_to_string(root().join("man").join(page)).unwrap())
        .into();
    let undocumented = known.iter().filter(|name| !pages.iter().any(|page| page.contains(**name)));
    none("variables in no manual page", undocumented.map(|n| (*n).to_owned()).collect());
}

#[test]
fn nothing_is_left_open() {
    // Taken apart, so that this file does not find itself.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"]]
            .map(|parts| parts.concat());
    let mut broken = Vec::new();
    for (short, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                broken.push(format!("{short}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    none("left open", broken);
}

#[test]
fn every_outside_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let body = manifest.split("[workspace.dependencies]\n").nth(1).unwrap();
    let body = body.split("\n[").next().unwrap();
    let mut before = "";
    for line in body.lines().filter(|line| !line.is_empty()) {
        let ours = line.starts_with("komod-");
        assert!(ours || line.starts_with('#') || before.starts_with('#'), "no reason: {line}");
        before = line;
    }
    for (short, path) in files() {
        if short.ends_with("/Cargo.toml") {
            let text = fs::read_to_string(path).unwrap();
            let own = text.lines().filter(|line| line.contains("version = \""));
            none(&format!("{short}: versions stand in the workspace's Cargo.toml"), {
                own.map(str::to_owned).collect()
            });
        }
    }
}

#[test]
fn every_file_is_text_without_places_of_one_machine() {
    let places = [["/ro", "ot/"], ["/ho", "me/"], ["/wo", "rk/"]].map(|parts| parts.concat());
    let mut broken = Vec::new();
    for (short, path) in files() {
        if path.is_symlink() || short == "Cargo.lock" {
            continue;
        }
        let Ok(text) = String::from_utf8(fs::read(&path).unwrap()) else {
            // What another program wrote stands beside the words how to get it; in a case
            // these are its `tree` and `args`.
            let made =
                ["README.md", "tree"].iter().any(|words| path.with_file_name(words).exists());
            if !made {
                broken.push(format!("{short}: not text, and no README.md says what made it"));
            }
            continue;
        };
        let named = places.iter().filter(|place| text.contains(place.as_str()));
        broken.extend(named.map(|place| format!("{short}: names {place}")));
    }
    none("not as a repository should be", broken);
}

#[test]
fn the_definitions_of_all_tools_hold() {
    for tool in komod::tools::TOOLS {
        let definition = (tool.definition)();
        for arg in definition.get_arguments() {
            let told = arg.get_help().is_some_and(|help| !help.to_string().is_empty());
            assert!(told || arg.is_hide_set(), "{}: {} has no help", tool.name, arg.get_id());
        }
        definition.debug_assert();
        assert!(!tool.about.is_empty());
    }
    let mut names: Vec<_> = komod::tools::TOOLS.iter().map(|tool| tool.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), komod::tools::TOOLS.len(), "a name stands in the table twice");
}
