//! What the linker sees of the library, beside the original: every name with its
//! version, its kind and how it binds. abidiff says the same once more, by its own
//! reading of both files; that either notices a difference is tried on libraries that
//! are wrong on purpose.
//!
//! Not compared is how long a function's code is. What functions take and return is
//! held by `tests/libkmod/types.c`, which is compiled against both headers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Library, SONAME, version_script};
use crate::fetch::Debian13;
use crate::install::{self, ABIDIFF};
use crate::outcome::{Stop, Tally};
use crate::programs;

/// Two functions that the wrong libraries lack, or have in another way.
const WRONG: [&str; 2] = ["kmod_module_get_weakdeps", "kmod_new"];

/// Whether it offers what the original offers, answers to the same name, and needs
/// nothing but the C library.
pub fn same(library: &Library) -> Result<Tally, Stop> {
    install::ensure(ABIDIFF)?;
    let original = Debian13::fetch()?.original.libraries().join(SONAME);
    let theirs = Symbols::of(&original)?;
    let mut tally = Tally::default();
    let differences = Symbols::of(&library.file())?.differences(&theirs);
    differences.iter().for_each(|difference| println!("{difference}"));
    tally.failed += differences.len();
    tally.passed += theirs.0.len();
    let (soname, needed) = dynamic(&library.file())?;
    let of_c = |name: &String| name == "libc.so.6" || name.starts_with("ld-linux");
    let right = soname == [SONAME] && needed.iter().all(of_c);
    tally.count(right);
    if !right {
        println!("it is called {soname:?} and needs {needed:?}");
    }
    let said = abidiff(&original, &library.file())?;
    tally.count(said.is_none());
    said.iter().for_each(|said| println!("abidiff: {said}"));
    tally.add(noticed(&original, &theirs)?);
    println!("{} names as the original's, {} differ", theirs.0.len(), differences.len());
    Ok(tally)
}

/// Whether both comparisons let a library of empty functions pass, and see what is wrong
/// with one that lacks a name, and with one that has a variable or a weak function in
/// its place. How a function binds is not abidiff's concern in all its releases.
fn noticed(original: &Path, theirs: &Symbols) -> Result<Tally, Stop> {
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let mut tally = Tally::default();
    for (instead, wanted) in [
        ("void NAME(void) {}", [Some(false), Some(false)]),
        ("", [Some(true), Some(true)]),
        ("int NAME = 1;", [Some(true), Some(true)]),
        ("__attribute__((weak)) void NAME(void) {}", [Some(true), None]),
    ] {
        for wrong in WRONG {
            let file = stub(scratch.path(), theirs, wrong, instead)?;
            let differs = !Symbols::of(&file)?.differences(theirs).is_empty();
            let told = abidiff(original, &file)?.is_some();
            let is_as = |(is, wanted): (bool, Option<bool>)| wanted.is_none_or(|w| w == is);
            let right = [differs, told].into_iter().zip(wanted).all(is_as);
            tally.count(right);
            if !right {
                println!("{wrong} as {instead:?}: table {differs}, abidiff {told}");
            }
        }
    }
    Ok(tally)
}

/// A library of functions that do nothing, one of which is something else.
fn stub(dir: &Path, like: &Symbols, wrong: &str, instead: &str) -> Result<PathBuf, Stop> {
    let text: String = like
        .functions()
        .map(|name| match name == wrong {
            true => instead.replace("NAME", name) + "\n",
            false => format!("void {name}(void) {{}}\n"),
        })
        .collect();
    let (source, file) = (dir.join("stub.c"), dir.join(SONAME));
    std::fs::write(&source, text).map_err(Stop::io(source.display()))?;
    let mut cc = Command::new("cc");
    cc.args(["-w", "-fno-builtin", "-shared", "-fPIC", "-o"]).arg(&file).arg(&source);
    cc.arg(format!("-Wl,-soname,{SONAME}"));
    cc.arg(format!("-Wl,--version-script,{}", version_script().display()));
    programs::text(&mut cc)?;
    Ok(file)
}

/// What abidiff has to say of the second library beside the first: None if nothing.
fn abidiff(first: &Path, second: &Path) -> Result<Option<String>, Stop> {
    let mut command = Command::new(ABIDIFF.program);
    let output = programs::output(
        command.args(["--no-default-suppression", "--no-show-locs"]).arg(first).arg(second),
    )?;
    // 1 and 2 of the status are its own failures, 4 and 8 a difference.
    let status = output.status.code().unwrap_or(1);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    match status {
        0 if said.is_empty() => Ok(None),
        0 | 4.. => Ok(Some(said)),
        _ => Err(Stop::Failed(format!("abidiff ended with {status}: {said}"))),
    }
}

/// `NAME@@VERSION` of all that a library offers, each with its kind, how it binds and
/// who sees it; for a variable also with its size.
#[derive(Debug, PartialEq, Eq)]
struct Symbols(BTreeMap<String, String>);

impl Symbols {
    fn of(file: &Path) -> Result<Self, Stop> {
        let mut readelf = Command::new("readelf");
        Ok(Self::read(&programs::text(readelf.args(["--dyn-syms", "--wide"]).arg(file))?))
    }

    /// Reads readelf's table: number, value, size, kind, binding, visibility, section,
    /// name. What has no section is asked for, not offered.
    fn read(table: &str) -> Self {
        let row = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [number, _, size, kind, binding, seen, section, name] = words[..] else {
                return None;
            };
            if number == "Num:" || section == "UND" {
                return None;
            }
            // The names of the versions are there too, as if they were variables.
            let size = if kind == "OBJECT" { size } else { "" };
            Some((name.to_owned(), format!("{kind} {binding} {seen} {size}").trim().to_owned()))
        };
        Self(table.lines().filter_map(row).collect())
    }

    /// A line for each name that the two have not got in the same way.
    fn differences(&self, original: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(original.0.keys()).collect();
        let differs = |name: &&String| self.0.get(*name) != original.0.get(*name);
        let told = |what: Option<&String>| what.map_or("missing", String::as_str).to_owned();
        let line = |name: &String| {
            let (ours, theirs) = (told(self.0.get(name)), told(original.0.get(name)));
            format!("{name}: komod's is {ours}, the original's is {theirs}")
        };
        names.into_iter().filter(differs).map(line).collect()
    }

    fn functions(&self) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(|(_, what)| what.starts_with("FUNC"));
        named.filter_map(|(name, _)| name.split('@').next())
    }
}

/// The names that a library answers to, and those that it asks for.
fn dynamic(file: &Path) -> Result<(Vec<String>, Vec<String>), Stop> {
    let text = programs::text(Command::new("readelf").args(["--dynamic", "--wide"]).arg(file))?;
    let named = |tag: &str| {
        let lines = text.lines().filter(|line| line.contains(tag));
        let names = lines.filter_map(|line| line.split_once('[')?.1.strip_suffix(']'));
        names.map(str::to_owned).collect()
    };
    Ok((named("(SONAME)"), named("(NEEDED)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
Symbol table '.dynsym' contains 4 entries:
   Num:    Value          Size Type    Bind   Vis      Ndx Name
     0: 0000000000000000     0 NOTYPE  LOCAL  DEFAULT  UND 
     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND free@GLIBC_2.2.5 (2)
     2: 0000000000007b40    37 FUNC    GLOBAL DEFAULT   13 kmod_new@@LIBKMOD_5
     3: 0000000000000000     0 OBJECT  GLOBAL DEFAULT  ABS LIBKMOD_5@@LIBKMOD_5
";

    #[test]
    fn what_is_offered_and_how() {
        let symbols = Symbols::read(TABLE);
        assert_eq!(symbols.0.len(), 2);
        assert_eq!(symbols.0["kmod_new@@LIBKMOD_5"], "FUNC GLOBAL DEFAULT");
        assert_eq!(symbols.0["LIBKMOD_5@@LIBKMOD_5"], "OBJECT GLOBAL DEFAULT 0");
        assert_eq!(symbols.functions().collect::<Vec<_>>(), ["kmod_new"]);
    }

    #[test]
    fn each_difference_is_told() {
        let original = Symbols::read(TABLE);
        let same = Symbols::read(&TABLE.replace("    37 FUNC", "   999 FUNC"));
        assert!(same.differences(&original).is_empty());
        for (from, to) in [
            ("@@LIBKMOD_5\n     3", "@LIBKMOD_5\n     3"),
            ("FUNC    GLOBAL DEFAULT   13", "FUNC    WEAK   DEFAULT   13"),
            ("FUNC    GLOBAL DEFAULT   13", "FUNC    GLOBAL HIDDEN   13"),
            ("FUNC    GLOBAL DEFAULT   13", "OBJECT  GLOBAL DEFAULT   13"),
            ("     0 OBJECT", "     8 OBJECT"),
            ("kmod_new", "kmod_knew"),
        ] {
            let changed = TABLE.replace(from, to);
            assert_ne!(changed, TABLE);
            assert!(!Symbols::read(&changed).differences(&original).is_empty(), "{to}");
        }
    }
}
