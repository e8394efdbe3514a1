//! komod's files where a system has them: below a root directory.
//!
//! `cargo xtask install --root DIR` is for whoever has no package of it. What
//! belongs to one distribution only (hooks, triggers, configuration) is not
//! here.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::libkmod::{self, Library};
use crate::outcome::Stop;
use crate::workspace::workspace;
use crate::{binary, completions, programs};

/// The program itself.
pub const PROGRAM: &str = "usr/bin/kmod";

/// The other names it is called by, and where they point. Everybody may want
/// `lsmod`; the rest is the administrator's.
pub const LINKS: [(&str, &str); 7] = [
    ("usr/bin/lsmod", "kmod"),
    ("usr/sbin/depmod", "../bin/kmod"),
    ("usr/sbin/insmod", "../bin/kmod"),
    ("usr/sbin/lsmod", "../bin/kmod"),
    ("usr/sbin/modinfo", "../bin/kmod"),
    ("usr/sbin/modprobe", "../bin/kmod"),
    ("usr/sbin/rmmod", "../bin/kmod"),
];

/// Other names of manual pages.
pub const PAGES: [(&str, &str); 1] = [("modprobe.conf.5", "modprobe.d.5")];

/// Leaves out the library: for a root whose C library is not this machine's.
const WITHOUT: &str = "--without-library";

/// `cargo xtask install --root DIR [--without-library]`.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (root, library) = match words[..] {
        ["--root", root] if !root.is_empty() => (root, true),
        ["--root", root, WITHOUT] if !root.is_empty() => (root, false),
        _ => {
            let wanted = format!("--root DIR [{WITHOUT}] expected; / is this system itself");
            return Err(Stop::Failed(wanted));
        }
    };
    let root = Path::new(root);
    let program = binary::musl()?;
    let library = if library { Some(Library::release()?) } else { None };
    let mut written = install(root, &program)?;
    if let Some(library) = library {
        written.extend(install_library(root, &library)?);
    }
    for path in written {
        println!("{}", path.display());
    }
    Ok(true)
}

/// Puts `program` below `root` under all its names, with manual pages and
/// completions; returns what was written, but for the completions.
///
/// A name that stands there is replaced by rename: it is never missing, and a
/// program that runs keeps its file. Error if something cannot be written.
pub fn install(root: &Path, program: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut written = Vec::new();
    let mut put = |path: &str, make: &dyn Fn(&Path) -> io::Result<()>| {
        written.push(put(root, path, make)?);
        Ok::<(), Stop>(())
    };
    put(PROGRAM, &|to| copied(program, to, 0o755))?;
    for (name, target) in LINKS {
        put(name, &|to| symlink(target, to))?;
    }
    for page in pages()? {
        let (place, from) = (manual(&page), workspace().join("man").join(&page));
        put(&place, &|to| copied(&from, to, 0o644))?;
    }
    for (name, target) in PAGES {
        put(&manual(name), &|to| symlink(target, to))?;
    }
    completions::write(&root.join("usr/share"))?;
    Ok(written)
}

/// Puts the library below `root`, in the directory where this machine's compiler looks for
/// it, with the header and the files of pkg-config; returns what was written. Replaced
/// likewise: who has the old library open keeps it.
fn install_library(root: &Path, library: &Library) -> Result<Vec<PathBuf>, Stop> {
    let dir = format!("usr/{}", libkmod::directory());
    let (own, name) = (|name: &str| library.dir.join(name), libkmod::SONAME);
    let files = [
        (format!("{dir}/{}", libkmod::FILE), library.file()),
        ("usr/include/libkmod.h".to_owned(), libkmod::header()),
        (format!("{dir}/pkgconfig/libkmod.pc"), own("libkmod.pc")),
        ("usr/share/pkgconfig/kmod.pc".to_owned(), own("kmod.pc")),
    ];
    let links = [(name, libkmod::FILE), ("libkmod.so", name)];
    let files = files.iter().map(|(path, from)| put(root, path, &|to| copied(from, to, 0o644)));
    let links = links
        .iter()
        .map(|(link, target)| put(root, &format!("{dir}/{link}"), &|to| symlink(target, to)));
    files.chain(links).collect()
}

/// Makes one file below `root`, and returns its path.
fn put(root: &Path, path: &str, make: &dyn Fn(&Path) -> io::Result<()>) -> Result<PathBuf, Stop> {
    let path = root.join(path);
    replaced(&path, make).map_err(Stop::io(path.display()))?;
    Ok(path)
}

/// The names of all manual pages, sorted.
pub fn pages() -> Result<Vec<String>, Stop> {
    let dir = workspace().join("man");
    let entries = fs::read_dir(&dir).map_err(Stop::io(dir.display()))?;
    let mut pages: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    pages.sort();
    Ok(pages)
}

/// Where a manual page lies: its section is its ending.
pub fn manual(page: &str) -> String {
    let section = page.rsplit('.').next().unwrap_or_default();
    format!("usr/share/man/man{section}/{page}")
}

/// Makes `path` beside itself, then gives it its name.
fn replaced(path: &Path, make: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".new{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let made = make(&fresh).and_then(|()| fs::rename(&fresh, path));
    if made.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    made
}

fn copied(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))
}

/// A command of the system below `root`, which needs nothing but what lies there.
///
/// Root enters it; anybody else does so in a user namespace.
pub fn inside(root: &Path, words: &[&str]) -> Result<String, Stop> {
    let mut command = if nix::unistd::geteuid().is_root() {
        std::process::Command::new("chroot")
    } else {
        let mut command = std::process::Command::new("unshare");
        command.args(["--map-root-user", "chroot"]);
        command
    };
    programs::text(command.arg(root).args(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_the_program_and_a_second_time_replaces_all() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("built");
        let root = scratch.path().join("root");
        for text in ["first", "second"] {
            fs::write(&program, text).unwrap();
            let written = install(&root, &program).unwrap();
            for name in LINKS.iter().map(|(name, _)| *name).chain([PROGRAM]) {
                assert_eq!(fs::read_to_string(root.join(name)).unwrap(), text, "{name}");
            }
            for path in written {
                assert!(path.exists(), "{} leads nowhere", path.display());
            }
        }
        assert!(root.join("usr/share/man/man8/depmod.8").is_file());
        assert!(root.join("usr/share/man/man5/modprobe.conf.5").is_symlink());
        assert!(root.join("usr/share/bash-completion/completions/modprobe").is_symlink());
        let mode = fs::metadata(root.join(PROGRAM)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
        let beside = fs::read_dir(root.join("usr/sbin")).unwrap().count();
        assert_eq!(beside, 6, "something temporary stayed");
    }

    #[test]
    fn the_library_has_its_name_and_what_programs_are_built_with() {
        let scratch = tempfile::tempdir().unwrap();
        let library = Library { dir: scratch.path().join("built") };
        fs::create_dir(&library.dir).unwrap();
        for name in [libkmod::FILE, "libkmod.pc", "kmod.pc"] {
            fs::write(library.dir.join(name), name).unwrap();
        }
        let root = scratch.path().join("root");
        for path in install_library(&root, &library).unwrap() {
            assert!(path.is_file(), "{} leads nowhere", path.display());
        }
        for name in ["libkmod.so", libkmod::SONAME] {
            let link = root.join("usr").join(libkmod::directory()).join(name);
            assert_eq!(fs::read_to_string(link).unwrap(), libkmod::FILE);
        }
        assert!(root.join("usr/include/libkmod.h").is_file());
    }

    #[test]
    fn what_cannot_be_written_is_named_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("root");
        fs::create_dir_all(root.join(PROGRAM)).unwrap();
        let stop = install(&root, Path::new("/bin/sh")).unwrap_err();
        assert!(stop.to_string().contains("usr/bin/kmod"), "{stop}");
        assert_eq!(fs::read_dir(root.join("usr/bin")).unwrap().count(), 1);
        assert!(run(&[]).is_err() && run(&["--root".into()]).is_err());
        assert!(run(&["--root".into(), String::new()]).is_err());
    }

    #[test]
    fn every_program_of_the_table_has_a_path() {
        for tool in komod::tools::TOOLS.iter().filter(|tool| tool.program) {
            let ending = format!("/{}", tool.name);
            let mut names = LINKS.iter().map(|(name, _)| *name).chain([PROGRAM]);
            assert!(names.any(|name| name.ends_with(&ending)), "{} has no path", tool.name);
        }
    }
}
