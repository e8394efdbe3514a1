//! The library beside the original: the same functions, types and answers, on small
//! trees and on Debian's whole kernel, and no memory lost.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use super::ask::{Ask, Header};
use super::{Library, abi};
use crate::callgrind::Callgrind;
use crate::compare::{Draw, indexed};
use crate::fetch::{Debian13, original_header};
use crate::install::{self, VALGRIND};
use crate::outcome::{Stop, Tally};
use crate::{cases, compare, programs};

/// An error, and every block that nobody can free any more, ends it with 99.
const WORDS: [&str; 7] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect,possible",
    "--errors-for-leak-kinds=definite,indirect,possible",
    "--child-silent-after-fork=yes",
];

/// The part of the tests: the library as it is shipped, and under valgrind as it is
/// debugged.
pub fn part() -> Result<Tally, Stop> {
    let library = Library::release()?;
    let mut tally = abi::same(&library)?;
    tally.add(same_variables(&library)?);
    for header in [Header::Ours, Header::Original] {
        let ask = Ask::build(header)?;
        tally.add(cases::of_library(&ask, &library)?);
    }
    let ask = Ask::build(Header::Ours)?;
    let debian = Debian13::fetch()?;
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let base = indexed(&debian, &debian.base, scratch.path())?;
    let modules = base.join("lib/modules").join(&debian.release);
    let draw = Draw::of(&modules)?;
    let configuration = scratch.path().join("all.conf");
    std::fs::write(&configuration, draw.configuration())
        .map_err(Stop::io(configuration.display()))?;
    let new = format!("new {} {}", modules.display(), configuration.display());
    tally.add(same_answers(&ask, &library, &new, &draw)?);
    tally.count(clean(&ask, &Library::debug()?, &new, &draw)?);
    tally.count(cheap(&ask, &library, &modules, scratch.path())?);
    Ok(tally)
}

/// The most that opening the indexes and 1,000 lookups may cost, of the original's
/// instructions.
const MOST: f64 = 0.6;

/// Whether it costs no more, and finds the same.
fn cheap(ask: &Ask, library: &Library, modules: &Path, scratch: &Path) -> Result<bool, Stop> {
    let callgrind = Callgrind::new(scratch.join("instructions"))?;
    let words = callgrind.words();
    let under: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    let questions = scratch.join("questions");
    std::fs::write(&questions, compare::modaliases(modules, 1000)?)
        .map_err(Stop::io(questions.display()))?;
    let words = [
        format!("new {} none", modules.display()),
        "load".to_owned(),
        format!("lookups {}", questions.display()),
    ];
    let count = |mut command: Command| {
        let said = programs::text(command.args(&words))?;
        Ok::<_, Stop>((callgrind.count()?, said))
    };
    let (own, ours) = count(ask.command(library, &under))?;
    let (other, theirs) = count(ask.original_command(&under))?;
    let share = own as f64 / other as f64;
    println!("1,000 lookups: {own} instructions, {other} of the original: {share:.2}");
    if ours != theirs {
        println!("  found: {ours}  the original: {theirs}");
    }
    Ok(share <= MOST && ours == theirs)
}

/// Whether the files of pkg-config say what the original's say. What they are for is
/// said in words of our own; modules are unpacked that the original cannot.
fn same_variables(library: &Library) -> Result<Tally, Stop> {
    const OWN: [&str; 2] = ["Description", "module_compressions"];
    let usr = original_header()?.join("..");
    let mut tally = Tally::default();
    for (name, place) in
        [("kmod.pc", "share/pkgconfig"), ("libkmod.pc", "lib/x86_64-linux-gnu/pkgconfig")]
    {
        let read = |file: &Path| std::fs::read_to_string(file).map_err(Stop::io(file.display()));
        let ours = read(&library.dir.join(name))?;
        let theirs = read(&usr.join(place).join(name))?;
        for line in theirs.lines().filter(|line| !line.is_empty()) {
            let key = line.split([':', '=']).next().unwrap_or(line);
            let own = OWN.contains(&key) && ours.lines().any(|own| own.starts_with(key));
            let same = own || ours.lines().any(|own| own == line);
            tally.count(same);
            if !same {
                println!("{name} lacks {line:?}");
            }
        }
    }
    Ok(tally)
}

/// All that can be asked of a module.
const OF_A_MODULE: [&str; 7] = ["deps", "softdeps", "info", "versions", "symbols", "needs", "show"];

/// The real modules, aliases and configuration, each a question to both libraries.
fn same_answers(ask: &Ask, library: &Library, new: &str, draw: &Draw) -> Result<Tally, Stop> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    let start = |words: &[&str]| -> Vec<String> {
        [new, "log here"].iter().chain(words).map(|word| (*word).to_owned()).collect()
    };
    let shown = |name: &std::ffi::OsString| name.to_string_lossy().into_owned();
    for names in draw.modules.chunks(20) {
        let mut call = start(&[]);
        for name in names {
            call.push(format!("name {}", shown(name)));
            call.extend(OF_A_MODULE.map(str::to_owned));
        }
        calls.push(call);
    }
    for load in [&[][..], &["load", "validate"]] {
        let mut call = start(load);
        call.extend(draw.lookups().iter().map(|name| format!("lookup {}", shown(name))));
        calls.push(call);
    }
    // The text of softdeps differs on purpose.
    let kinds = ["blacklist", "install", "remove", "alias", "options", "weakdep"];
    let kinds = kinds.map(|kind| format!("config {kind}"));
    calls.push(start(&["dump 0", "dump 1", "dump 2", "dump 3", "dump 4"]));
    calls.last_mut().into_iter().for_each(|call| call.extend(kinds.clone()));
    let mut tally = Tally::default();
    let mut lines = 0;
    for call in &calls {
        let ours = programs::output(ask.command(library, &[]).args(call))?;
        let theirs = programs::output(ask.original_command(&[]).args(call))?;
        let same = ours == theirs;
        tally.count(same && ours.status.success());
        if !same {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (own, other) = (text(&ours.stdout), text(&theirs.stdout));
            let both = own.lines().zip(other.lines()).find(|(own, other)| own != other);
            let (own, other) = both.unwrap_or(("its end", "its end"));
            println!("{}...\n  komod:    {own}\n  original: {other}", call[2]);
            println!("  {}{}", text(&ours.stderr), text(&theirs.stderr));
        }
        lines += theirs.stdout.iter().filter(|byte| **byte == b'\n').count();
    }
    println!("{} calls of either library, {lines} lines", calls.len());
    // Something was compared: an empty answer equals another too easily.
    tally.count(lines > 10_000);
    Ok(tally)
}

/// Whether every function is without an error under valgrind, and nothing is lost.
fn clean(ask: &Ask, library: &Library, new: &str, draw: &Draw) -> Result<bool, Stop> {
    install::ensure(VALGRIND)?;
    let mut words: Vec<String> = [
        new,
        "log here",
        "log 7",
        "null",
        "references",
        "lookup x[",
        "load",
        "load",
        "validate",
        "dump 0",
        "dump 4",
        "config all",
        "loaded",
        "name no-such",
        "info",
        "insert 0",
        "remove 1",
        "state",
        "holders",
        "sections",
        "path /no/such",
        "another dm-mod",
        "child dm-mod",
        "threads dm-mod",
    ]
    .map(str::to_owned)
    .into();
    for name in draw.modules.iter().step_by(40) {
        words.push(format!("lookup {}", name.to_string_lossy()));
        words.extend(OF_A_MODULE.map(str::to_owned));
        words.push("probe 0x18 a=1".into());
        words.push("filter 3".into());
    }
    words.extend(["lookup net-komod", "circle", "unload", "lookup komod-ab"].map(str::to_owned));
    let under = WORDS.map(OsStr::new);
    let output = programs::output(ask.command(library, &under).args(&words))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let held = output.status.success() && !said.contains("==");
    if !held {
        println!("under valgrind: {}\n{said}", output.status);
    }
    Ok(held)
}
