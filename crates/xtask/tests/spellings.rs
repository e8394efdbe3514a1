//! Every way to write each option stands in a case that an original has passed:
//! what the definitions accept is what kmod accepts.
#![allow(clippy::restriction)]

use std::collections::BTreeSet;

use clap::{Arg, Command};
use komod::tools::{TOOLS, Tool};
use komod_cases::Case;
use xtask::workspace::workspace;

/// What no original takes, or none can show.
const EXEMPT: &[(&str, &str)] = &[
    ("check: --basedir VALUE", OWN),
    ("check: --basedir abbreviated", OWN),
    ("check: --basedir=VALUE", OWN),
    ("check: --help", OWN),
    ("check: --help abbreviated", OWN),
    ("check: --json", OWN),
    ("check: --json abbreviated", OWN),
    ("check: --version", OWN),
    ("check: --version abbreviated", OWN),
    ("check: -V", OWN),
    ("check: -V in a bundle", OWN),
    ("check: -b VALUE", OWN),
    ("check: -bVALUE", OWN),
    ("check: -h", OWN),
    ("check: -h in a bundle", OWN),
    ("depmod: --cache VALUE", OWN),
    ("depmod: --cache abbreviated", OWN),
    ("depmod: --cache=VALUE", OWN),
    ("depmod: --jobs VALUE", OWN),
    ("depmod: --jobs abbreviated", OWN),
    ("depmod: --jobs=VALUE", OWN),
    ("depmod: --no-cache abbreviated", OWN),
    ("depmod: --no-cache", OWN),
    ("depmod: -j VALUE", OWN),
    ("depmod: -jVALUE", OWN),
    ("explain: --config VALUE", OWN),
    ("explain: --config abbreviated", OWN),
    ("explain: --config=VALUE", OWN),
    ("explain: --dirname VALUE", OWN),
    ("explain: --dirname abbreviated", OWN),
    ("explain: --dirname=VALUE", OWN),
    ("explain: --help abbreviated", OWN),
    ("explain: --help", OWN),
    ("explain: --json abbreviated", OWN),
    ("explain: --json", OWN),
    ("explain: --set-version VALUE", OWN),
    ("explain: --set-version abbreviated", OWN),
    ("explain: --set-version=VALUE", OWN),
    ("explain: --use-blacklist abbreviated", OWN),
    ("explain: --use-blacklist", OWN),
    ("explain: --version abbreviated", OWN),
    ("explain: --version", OWN),
    ("explain: -C VALUE", OWN),
    ("explain: -CVALUE", OWN),
    ("explain: -S VALUE", OWN),
    ("explain: -SVALUE", OWN),
    ("explain: -V in a bundle", OWN),
    ("explain: -V", OWN),
    ("explain: -b in a bundle", OWN),
    ("explain: -b", OWN),
    ("explain: -d VALUE", OWN),
    ("explain: -dVALUE", OWN),
    ("explain: -h in a bundle", OWN),
    ("explain: -h", OWN),
    ("insmod: --force-modversion abbreviated", NEWER),
    ("insmod: --force-modversion", NEWER),
    ("insmod: --force-vermagic abbreviated", NEWER),
    ("insmod: --force-vermagic", NEWER),
    ("list: --json abbreviated", OWN),
    ("list: --json", OWN),
    ("lsmod: --json abbreviated", OWN),
    ("lsmod: --json", OWN),
    ("modinfo: --cache VALUE", OWN),
    ("modinfo: --cache abbreviated", OWN),
    ("modinfo: --cache=VALUE", OWN),
    ("modinfo: --json abbreviated", OWN),
    ("modinfo: --json", OWN),
    ("modinfo: --no-cache abbreviated", OWN),
    ("modinfo: --no-cache", OWN),
    ("modprobe: --ignore-deny abbreviated", OWN),
    ("modprobe: --ignore-deny", OWN),
    ("modprobe: --json abbreviated", OWN),
    ("modprobe: --json", OWN),
    ("modprobe: --show-alias abbreviated", NEWER),
    ("modprobe: --show-alias", NEWER),
];
const OWN: &str = "only komod has it";
const NEWER: &str = "only releases behind 34.2 take it";

/// How the C library speaks of a word that it does not take, and kmod of a command.
const REFUSALS: [&str; 6] = [
    "unrecognized option",
    "invalid option",
    "is ambiguous",
    "requires an argument",
    "doesn't allow an argument",
    "invalid command",
];

/// Ways to write options: `-a`, `-a in a bundle`, `-C VALUE`, `-CVALUE`, `--all`,
/// `--all abbreviated`, `--config VALUE`, `--config=VALUE`.
type Ways = BTreeSet<String>;

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn options(definition: &Command) -> impl Iterator<Item = &Arg> {
    definition.get_arguments().filter(|arg| !arg.is_positional())
}

fn letters(arg: &Arg) -> impl Iterator<Item = char> {
    arg.get_short().into_iter().chain(arg.get_all_short_aliases().unwrap_or_default())
}

fn words(arg: &Arg) -> impl Iterator<Item = &str> {
    arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default())
}

/// Whether only komod has the option: then it stands back behind kmod's own.
fn is_own(definition: &Command, arg: &Arg) -> bool {
    let way = |word| format!("{}: --{word} abbreviated", definition.get_name());
    let exempt = |way: String| EXEMPT.iter().any(|(known, why)| *known == way && *why == OWN);
    arg.get_long().is_some_and(|word| exempt(way(word)))
}

/// The option that a long word means: one that is written so, or the only one that
/// begins so.
fn meant<'d>(definition: &'d Command, word: &str) -> Option<&'d Arg> {
    if let Some(arg) = options(definition).find(|arg| words(arg).any(|w| w == word)) {
        return Some(arg);
    }
    let begins = |arg: &&Arg| words(arg).any(|w| w.starts_with(word));
    let (hidden, shown): (Vec<_>, Vec<_>) =
        options(definition).filter(begins).partition(|arg| arg.is_hide_set());
    let (own, shown): (Vec<_>, Vec<_>) = shown.into_iter().partition(|arg| is_own(definition, arg));
    let shown = if shown.is_empty() { own } else { shown };
    match (&*shown, &*hidden) {
        ([arg], _) | ([], [arg]) => Some(*arg),
        _ => None,
    }
}

/// Whether `short` is not the whole of `long` and still means the same option.
fn abbreviates(definition: &Command, short: &str, long: &str) -> bool {
    let exact = options(definition).any(|arg| words(arg).any(|w| w == short));
    let same = || meant(definition, short).map(Arg::get_id);
    !short.is_empty()
        && !exact
        && long.starts_with(short)
        && same().is_some()
        && same() == meant(definition, long).map(Arg::get_id)
}

/// All ways that there are.
fn possible(definition: &Command) -> Ways {
    let mut ways = Ways::new();
    for arg in options(definition) {
        for letter in letters(arg) {
            ways.extend(match takes_value(arg) {
                true => [format!("-{letter} VALUE"), format!("-{letter}VALUE")],
                false => [format!("-{letter}"), format!("-{letter} in a bundle")],
            });
        }
        for word in words(arg) {
            ways.extend(match takes_value(arg) {
                true => vec![format!("--{word} VALUE"), format!("--{word}=VALUE")],
                false => vec![format!("--{word}")],
            });
            if (1..word.len()).any(|end| abbreviates(definition, &word[..end], word)) {
                ways.insert(format!("--{word} abbreviated"));
            }
        }
    }
    ways
}

/// The ways that a command line uses, and its operands. With `posix` the first
/// operand ends the options. Nothing behind help, version or an error counts.
fn used(definition: &Command, line: &[String], posix: bool) -> (Ways, Vec<String>) {
    let mut ways = Ways::new();
    let mut operands = Vec::new();
    let mut rest = line.iter();
    let ends = |arg: &Arg| ["help", "version"].contains(&arg.get_id().as_str());
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, glued) = long.split_once('=').map_or((long, false), |(n, _)| (n, true));
            let Some(arg) = meant(definition, name) else { return (ways, operands) };
            for spelling in words(arg) {
                if abbreviates(definition, name, spelling) {
                    ways.insert(format!("--{spelling} abbreviated"));
                } else if spelling == name {
                    ways.insert(match (takes_value(arg), glued) {
                        (true, true) => format!("--{name}=VALUE"),
                        (true, false) => format!("--{name} VALUE"),
                        (false, _) => format!("--{name}"),
                    });
                }
            }
            if takes_value(arg) && !glued {
                rest.next();
            }
            if ends(arg) {
                break;
            }
        } else if let Some(bundle) = word.strip_prefix('-').filter(|bundle| !bundle.is_empty()) {
            let bundled = bundle.chars().count() > 1;
            let mut bundle = bundle.chars();
            while let Some(letter) = bundle.next() {
                let arg = options(definition).find(|arg| letters(arg).any(|l| l == letter));
                let Some(arg) = arg else { return (ways, operands) };
                if takes_value(arg) {
                    let glued = !bundle.as_str().is_empty();
                    let blank = if glued { "" } else { " " };
                    ways.insert(format!("-{letter}{blank}VALUE"));
                    if !glued {
                        rest.next();
                    }
                    break;
                }
                let end = if bundled { " in a bundle" } else { "" };
                ways.insert(format!("-{letter}{end}"));
                if ends(arg) {
                    return (ways, operands);
                }
            }
        } else {
            operands.push(word.clone());
            if posix {
                break;
            }
        }
    }
    operands.extend(rest.cloned());
    (ways, operands)
}

/// The command lines of a case: its own, or those lines of its script that begin
/// with a tool, up to where the shell has a word in it.
fn lines(case: &Case) -> Vec<Vec<String>> {
    let Some(script) = &case.script else {
        return vec![case.argv.clone()];
    };
    let ends = ["|", ";", "<", ">", "&", "\"", "'", "$"];
    let words = |line: &str| -> Vec<String> {
        let words = line.split_whitespace();
        words.take_while(|w| !ends.iter().any(|end| w.contains(end))).map(str::to_owned).collect()
    };
    let lines = script.lines().map(words);
    lines.filter(|line| line.first().is_some_and(|word| by_name(word).is_some())).collect()
}

/// The tools that a case calls, and the ways that it uses.
fn of_case(case: &Case) -> Vec<(&'static Tool, Ways)> {
    let variable = |name: &str| case.env.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let posix = variable("POSIXLY_CORRECT").is_some();
    let mut found = Vec::new();
    for mut line in lines(case) {
        let program = line.remove(0);
        let Some(tool) = by_name(program.rsplit('/').next().unwrap_or_default()) else { continue };
        if let Some(options) = variable("MODPROBE_OPTIONS").filter(|_| tool.name == "modprobe") {
            line.splice(0..0, options.split_whitespace().map(str::to_owned));
        }
        let (ways, operands) = used(&(tool.definition)(), &line, posix || tool.name == "kmod");
        found.push((tool, ways));
        let Some((command, rest)) = operands.split_first() else { continue };
        // `kmod list`: the tool behind is no program of its own.
        let behind = by_name(command).filter(|behind| tool.name == "kmod" && !behind.program);
        found.extend(behind.map(|behind| (behind, used(&(behind.definition)(), rest, posix).0)));
    }
    found
}

fn by_name(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// Whether an original shows that it takes the case's command line.
fn proves(case: &Case) -> bool {
    let said = String::from_utf8_lossy(&case.expected_of(false).stderr);
    let refused = said.lines().any(|line| REFUSALS.iter().any(|text| line.contains(text)));
    case.originals != ["none"] && !refused
}

/// `TOOL: WAY` for every way of every tool that no case uses.
fn missing(cases: &[Case]) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = TOOLS
        .iter()
        .flat_map(|tool| possible(&(tool.definition)()).into_iter().map(|way| named(tool, &way)))
        .collect();
    for (tool, ways) in cases.iter().filter(|case| proves(case)).flat_map(of_case) {
        ways.iter().for_each(|way| {
            found.remove(&named(tool, way));
        });
    }
    found
}

fn named(tool: &Tool, way: &str) -> String {
    format!("{}: {way}", tool.name)
}

fn cases() -> Vec<Case> {
    Case::all(&workspace().join("tests/cases"), "", false).unwrap()
}

#[test]
fn every_way_to_write_an_option_has_a_case() {
    let mut missing = missing(&cases());
    for (way, reason) in EXEMPT {
        assert!(missing.remove(*way), "{way} has a case, in spite of: {reason}");
    }
    assert!(missing.is_empty(), "no case that an original passes has:\n{missing:#?}");
}

#[test]
fn a_way_without_a_case_is_told() {
    let mut cases = cases();
    for script in cases.iter_mut().filter_map(|case| case.script.as_mut()) {
        *script = script.replace("--first busy", "--first-time busy");
    }
    assert_eq!(missing_but(&cases), ["modprobe: --first-time abbreviated".into()].into());
    for case in cases.iter_mut().filter(|case| case.name.starts_with("rmmod/")) {
        case.originals = vec!["none".into()];
    }
    assert!(missing_but(&cases).contains("rmmod: -f in a bundle"));
}

/// What is missing and not exempt.
fn missing_but(cases: &[Case]) -> BTreeSet<String> {
    let mut missing = missing(cases);
    EXEMPT.iter().for_each(|(way, _)| {
        missing.remove(*way);
    });
    missing
}

#[test]
fn ways_are_told_apart() {
    let definition = (by_name("modprobe").unwrap().definition)();
    let ways = |line: &str, posix| {
        let line: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let (ways, operands) = used(&definition, &line, posix);
        (ways.into_iter().collect::<Vec<_>>().join(", "), operands.join(" "))
    };
    let is = |found: (String, String), w: &str, o: &str| assert_eq!(found, (w.into(), o.into()));
    is(ways("-qC x m -a", false), "-C VALUE, -a, -q in a bundle", "m");
    is(ways("-Cqx m -a", true), "-CVALUE", "m -a");
    is(ways("--conf=x --all -- -q", false), "--all, --config abbreviated", "-q");
    is(ways("--config --all --config=y", false), "--config VALUE, --config=VALUE", "");
    is(ways("-a --show- -q", false), "-a", "");
    is(ways("-V -q", false), "-V", "");
}

/// The options of an original by its own help: letter or first word, then all
/// words.
fn of_original(help: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        let mut words = line.split_whitespace().take_while(|word| word.starts_with('-'));
        let (Some(first), second) = (words.next(), words.next()) else { continue };
        let word = second.unwrap_or(first);
        if let Some(word) = word.strip_prefix("--") {
            let word = word.split('=').next().unwrap_or_default();
            found.push((first.trim_end_matches(',').into(), word.into()));
        }
    }
    found
}

#[test]
fn what_abbreviates_an_option_of_kmod_abbreviates_it_here() {
    for (tool, case) in [
        ("kmod", "kmod/help_option"),
        ("static-nodes", "kmod/static_nodes_help"),
        ("insmod", "insmod/help"),
        ("lsmod", "lsmod/help"),
        ("modinfo", "modinfo/help"),
        ("modprobe", "modprobe/help"),
        ("depmod", "depmod/help"),
        ("rmmod", "rmmod/help"),
    ] {
        let help = workspace().join("tests/cases").join(case).join("original/stdout");
        let options = of_original(&std::fs::read_to_string(help).unwrap());
        assert!(options.iter().any(|(letter, word)| (&**letter, &**word) == ("-h", "help")));
        let definition = (by_name(tool).unwrap().definition)();
        let here = |word| meant(&definition, word).map(Arg::get_id);
        for (letter, word) in &options {
            assert!(here(word).is_some(), "{tool}: no --{word}");
            for end in 1..word.len() {
                let short = &word[..end];
                let mut same = options.iter().filter(|(_, other)| other.starts_with(short));
                if same.all(|(other, _)| other == letter) {
                    assert_eq!(here(short), here(word), "{tool}: --{short} for --{word}");
                }
            }
        }
    }
}
