//! `cargo xtask dist [DIR]`: what is handed out. The one static program, with
//! every codec and stripped, under a name that says its version and target;
//! packages for Debian; and the checksums of all that lies beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary;
use crate::debian;
use crate::libkmod::Library;
use crate::outcome::{Stop, Tally};
use crate::place;
use crate::programs;

/// The list of checksums, as `sha256sum -c` reads it.
const SUMS: &str = "SHA256SUMS";

/// `cargo xtask dist [DIR]`; without DIR it is `target/dist`.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    let dir = match words {
        [] => binary::target_dir().join("dist"),
        [dir] => PathBuf::from(dir),
        _ => return Err(Stop::Failed("one directory expected, or none".into())),
    };
    fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    for file in make(&dir)? {
        println!("{}", file.display());
    }
    Ok(true)
}

/// Builds everything into `dir`, which is there, and sums up what lies in it; returns
/// the paths, the program's first.
///
/// [`Stop::NotHere`] where packages cannot be built; the program is there then, with its
/// checksum.
pub fn make(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let program = program(dir)?;
    let packages = Library::release().and_then(|library| debian::make(dir, &program, &library));
    sums(dir)?;
    Ok([vec![program], packages?, vec![dir.join(SUMS)]].concat())
}

/// Builds the program into `dir`.
fn program(dir: &Path) -> Result<PathBuf, Stop> {
    let built = binary::musl()?;
    let program = dir.join(name());
    fs::copy(&built, &program).map_err(Stop::io(program.display()))?;
    Ok(program)
}

/// What the program is called: version and target.
pub fn name() -> String {
    format!("komod-{}-{}", env!("CARGO_PKG_VERSION"), binary::MUSL)
}

/// Writes the checksums of every file in `dir`.
fn sums(dir: &Path) -> Result<(), Stop> {
    let list = dir.join(SUMS);
    let entries = fs::read_dir(dir).map_err(Stop::io(dir.display()))?;
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_file() && entry.file_name() != SUMS)
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    let text = programs::text(Command::new("sha256sum").args(names).current_dir(dir))?;
    fs::write(&list, text).map_err(Stop::io(list.display()))
}

/// The part `dist`: what is handed out is whole, and once installed works
/// under each of its names where there is nothing else.
pub fn part() -> Result<Tally, Stop> {
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let (dir, root) = (scratch.path().join("dist"), scratch.path().join("root"));
    fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    let program = program(&dir)?;
    sums(&dir)?;
    let mut tally = Tally::default();
    let mut check = |about: &str, seen: Result<String, Stop>, wanted: &str| {
        let held = seen.as_ref().is_ok_and(|text| text.contains(wanted));
        tally.count(held);
        if !held {
            println!("FAIL {about}: {wanted:?} expected, {seen:?} found");
        }
    };
    let mut checker = Command::new("sha256sum");
    let checked = programs::text(checker.args(["-c", SUMS]).current_dir(&dir));
    check("checksums", checked, &format!("{}: OK", name()));
    place::install(&root, &program)?;
    for path in place::LINKS.iter().map(|(path, _)| *path).chain([place::PROGRAM]) {
        let path = format!("/{path}");
        let said = place::inside(&root, &[&path, "--version"]);
        check(&path, said, "+ZSTD +XZ +ZLIB");
        let said = place::inside(&root, &[&path, "--help"]);
        let usage = if path.ends_with("/kmod") {
            "kmod"
        } else {
            path.rsplit('/').next().unwrap_or_default()
        };
        check(&path, said, usage);
    }
    let modules = root.join("lib/modules/1.2.3/kernel");
    let module = komod_fixtures::ModuleSpec::new("a").modinfo("alias", "b-*").build();
    fs::create_dir_all(&modules).map_err(Stop::io(modules.display()))?;
    let file = komod_fixtures::pack(&module, komod_fixtures::Packing::Xz);
    fs::write(modules.join("a.ko.xz"), file).map_err(Stop::io(modules.display()))?;
    check("depmod", place::inside(&root, &["/usr/sbin/depmod", "1.2.3"]), "");
    let found = place::inside(&root, &["/usr/sbin/modprobe", "-S", "1.2.3", "-R", "b-c"]);
    check("modprobe", found, "a\n");
    let told = place::inside(&root, &["/usr/sbin/modinfo", "-k", "1.2.3", "-F", "alias", "a"]);
    check("modinfo", told, "b-*\n");
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_no_longer_has_its_sum() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name()), "program").unwrap();
        sums(dir.path()).unwrap();
        sums(dir.path()).unwrap();
        let holds = || {
            let mut check = Command::new("sha256sum");
            programs::text(check.args(["-c", SUMS]).current_dir(dir.path())).is_ok()
        };
        assert!(holds());
        let list = fs::read_to_string(dir.path().join(SUMS)).unwrap();
        assert!(list.lines().count() == 1 && list.ends_with(&format!("  {}\n", name())), "{list}");
        fs::write(dir.path().join(name()), "other").unwrap();
        assert!(!holds());
        assert!(run(&["a".into(), "b".into()]).is_err());
    }
}
