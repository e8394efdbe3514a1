//! A first root of busybox and komod's one program, as Alpine's and Arch's are made.
//!
//! `tests/vm/debian13/early` is its first program: it loads what the disk needs, mounts
//! it and hands over to its systemd.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fetch::Debian13;
use crate::guest::{Guest, Tools};
use crate::outcome::Stop;
use crate::programs;
use crate::workspace::workspace;

/// The disk and its file system, and some that have nodes in /dev.
const MODULES: &[&str] =
    &["virtio_blk", "ext4", "crc32c_generic", "crc32c_intel", "loop", "fuse", "xhci_pci"];

/// What the kernel's build leaves, and depmod reads.
const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// Whose habits an initramfs follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// mkinitfs: everything depmod makes is there; modules come by their names, then by
    /// the aliases of all devices.
    Alpine,
    /// mkinitcpio: after depmod only `*.bin`, devname and softdep stay.
    Arch,
}

impl Habit {
    /// Its name, in files and for the first program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpine => "alpine",
            Self::Arch => "arch",
        }
    }

    /// Whether it keeps this file of the module directory.
    fn keeps(self, name: &str) -> bool {
        self == Self::Alpine
            || name.ends_with(".bin")
            || ["modules.devname", "modules.softdep"].contains(&name)
    }
}

/// Makes one for the kernel of this system, in `scratch`; `program` is komod's.
pub fn make(
    root: &Path,
    program: &Path,
    release: &str,
    habit: Habit,
    scratch: &Path,
) -> Result<PathBuf, Stop> {
    let debian = Debian13::fetch()?;
    let base = scratch.join(habit.name());
    let from = root.join("usr/lib/modules").join(release);
    let to = base.join("lib/modules").join(release);
    copy(&from, &to)?;
    let mut depmod = Command::new(program);
    programs::text(depmod.arg0("depmod").arg("-b").arg(&base).arg(release))?;
    let mut guest = Guest::new(&debian)?;
    guest.tools(&Tools::Komod(program.to_owned()))?;
    guest.copy(&workspace().join("tests/vm/debian13/early"), "init", 0o755)?;
    guest.write("habit", 0o644, habit.name());
    for file in files(&to)? {
        let name = file.strip_prefix(&base).unwrap_or(&file).to_string_lossy().into_owned();
        let last = name.rsplit('/').next().unwrap_or_default();
        if !last.starts_with("modules.") || habit.keeps(last) {
            guest.copy(&file, &format!("usr/{name}"), 0o644)?;
        }
    }
    let archive = scratch.join(format!("{}.cpio", habit.name()));
    guest.finish(&archive)?;
    Ok(archive)
}

/// Copies the modules, those that they need, and the lists.
fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    let dep = from.join("modules.dep");
    let text = fs::read_to_string(&dep).map_err(Stop::io(dep.display()))?;
    let mut paths: BTreeSet<&str> = LISTS.into();
    for (path, needs) in text.lines().filter_map(|line| line.split_once(':')) {
        let file = path.rsplit('/').next().unwrap_or_default();
        let name = file.split('.').next().unwrap_or_default().replace('-', "_");
        if MODULES.contains(&name.as_str()) {
            paths.insert(path);
            paths.extend(needs.split_whitespace());
        }
    }
    for path in paths {
        let (from, to) = (from.join(path), to.join(path));
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir).map_err(Stop::io(dir.display()))?;
        }
        fs::copy(&from, &to).map_err(Stop::io(from.display()))?;
    }
    Ok(())
}

/// All files below a directory.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Stop::io(dir.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arch_keeps_what_is_binary_and_two_texts() {
        let all = [
            "modules.dep",
            "modules.dep.bin",
            "modules.alias",
            "modules.softdep",
            "modules.devname",
            "modules.weakdep",
            "modules.order",
            "modules.builtin.alias.bin",
        ];
        let kept: Vec<_> = all.into_iter().filter(|name| Habit::Arch.keeps(name)).collect();
        assert_eq!(
            kept,
            ["modules.dep.bin", "modules.softdep", "modules.devname", "modules.builtin.alias.bin"]
        );
        assert!(all.into_iter().all(|name| Habit::Alpine.keeps(name)));
    }
}
