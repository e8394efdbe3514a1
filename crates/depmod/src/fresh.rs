//! Whether the database still fits its modules (`depmod -A`).

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use komod_index::DepLine;

use crate::found::Found;
use crate::inputs;
use crate::outputs::{LAST, file_names};

/// Never empty, whatever made them; those of built-in modules are, by kmod, where the
/// kernel's build has left no lists.
const NEVER_EMPTY: [&str; 3] = ["modules.dep.bin", "modules.alias.bin", "modules.symbols.bin"];

/// Whether the database in `dir` holds exactly the modules `found`, none of
/// its files is missing or an index that was emptied, and nothing it was made from is newer
/// than its [`LAST`]: no module and no directory of modules, no list of the kernel's build,
/// none of `configs` (files, or directories with their entries).
///
/// A module that was put in the place of another tells by its directory, whatever its own
/// date. The directory of the database does not tell: the database itself changes it.
///
/// # Errors
/// When [`LAST`] cannot be read; then the database is not fresh.
pub fn is_fresh(dir: &Path, found: &[Found], configs: &[&Path]) -> io::Result<bool> {
    let dep = dir.join(LAST);
    let made = fs::metadata(&dep)?.modified()?;
    let text = komod_file::read_now(&dep)?;
    let listed: HashSet<&[u8]> = text
        .split(|&b| b == b'\n')
        .filter_map(|line| DepLine::parse(line).map(|line| line.path))
        .collect();
    let same = listed.len() == found.len() && found.iter().all(|m| listed.contains(m.listed()));
    let older = |path: &Path| modified(path).is_none_or(|time| time <= made);
    let directories: HashSet<&Path> =
        found.iter().filter_map(|module| module.to_path().parent()).collect();
    Ok(same
        && file_names().all(|name| {
            fs::metadata(dir.join(name))
                .is_ok_and(|file| file.len() > 0 || !NEVER_EMPTY.contains(&name))
        })
        && inputs::NAMES.iter().all(|name| older(&dir.join(name)))
        && configs.iter().all(|path| config_older(path, made))
        && directories.iter().all(|path| *path == dir || older(path))
        && found.iter().all(|module| older(module.to_path())))
}

fn config_older(path: &Path, made: SystemTime) -> bool {
    let own = modified(path).is_none_or(|time| time <= made);
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    own && entries.map(|entry| entry.path()).all(|p| modified(&p).is_none_or(|time| time <= made))
}

/// `None` when there is nothing there.
fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
