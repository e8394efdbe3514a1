//! Files and directories, looked at and changed.

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use komod_fixtures::{Packing, pack};

use crate::edits::Random;
use crate::world::spec;

/// All directories below and with `dir`, links not followed, in order.
pub fn directories_of(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let mut next = 0;
    while let Some(dir) = found.get(next).cloned() {
        next += 1;
        found.extend(entries(&dir).into_iter().filter(|path| path.is_dir() && !path.is_symlink()));
    }
    found
}

pub fn modules_of(dir: &Path) -> Vec<PathBuf> {
    let files = directories_of(dir).into_iter().flat_map(|dir| entries(&dir));
    let is_module = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains(".ko"))
    };
    files.filter(is_module).filter(|path| path.is_file()).collect()
}

pub fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

pub fn remove(path: PathBuf) -> Option<PathBuf> {
    fs::remove_file(&path).ok().map(|()| path)
}

pub fn linked(target: &Path, link: PathBuf) -> Option<PathBuf> {
    let _ = fs::remove_file(&link);
    symlink(target, &link).ok().map(|()| link)
}

pub fn chmod(path: PathBuf, mode: u32) -> Option<PathBuf> {
    fs::set_permissions(&path, Permissions::from_mode(mode)).ok().map(|()| path)
}

pub fn dated(path: PathBuf, time: SystemTime) -> Option<PathBuf> {
    File::options().write(true).open(&path).ok()?.set_modified(time).ok().map(|()| path)
}

/// Other texts in a module, but its size and date; `anew` in a file of its own.
pub fn disguised(path: PathBuf, random: &mut Random, anew: bool) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let size = fs::metadata(&path).ok()?.len();
    let date = fs::metadata(&path).ok()?.modified().ok()?;
    let mut chosen = None;
    for _ in 0..8 {
        let number = name.get(2..4).and_then(|digits| digits.parse().ok()).unwrap_or(1);
        let bytes = pack(&spec(number, random).build(), Packing::of_name(name));
        if bytes.len() as u64 == size {
            chosen = Some(bytes);
            break;
        }
    }
    let bytes = chosen?;
    if anew {
        let new = path.with_file_name("in-between");
        fs::write(&new, bytes).ok()?;
        dated(new.clone(), date)?;
        return fs::rename(new, &path).ok().map(|()| path);
    }
    rewrite(path, &bytes, true)
}

/// Writes into the file that is there; disguised, its date stays.
pub fn rewrite(path: PathBuf, bytes: &[u8], disguised: bool) -> Option<PathBuf> {
    let date = fs::metadata(&path).ok()?.modified().ok()?;
    let file = OpenOptions::new().write(true).open(&path).ok()?;
    file.write_all_at(bytes, 0).ok()?;
    file.set_len(bytes.len() as u64).ok()?;
    if disguised {
        file.set_times(FileTimes::new().set_modified(date)).ok()?;
    }
    Some(path)
}

/// Turns one bit round.
pub fn flip(path: PathBuf, random: &mut Random, disguised: bool) -> Option<PathBuf> {
    let mut bytes = fs::read(&path).ok()?;
    let at = random.below(bytes.len().max(1));
    *bytes.get_mut(at)? ^= 1 << random.below(8);
    rewrite(path, &bytes, disguised)
}

pub fn cut(path: PathBuf, random: &mut Random) -> Option<PathBuf> {
    let size = fs::metadata(&path).ok()?.len();
    let file = OpenOptions::new().write(true).open(&path).ok()?;
    file.set_len(random.below(usize::try_from(size).ok()?.max(1)) as u64).ok().map(|()| path)
}

/// Comes back when the clock of the file system has just moved on.
pub fn wait_for_a_tick(path: &Path) {
    let changed = || {
        fs::write(path, "").unwrap();
        let metadata = fs::metadata(path).unwrap();
        (metadata.ctime(), metadata.ctime_nsec())
    };
    let first = changed();
    while changed() == first {}
}

pub fn is_no_module(path: &Path, bytes: &[u8]) -> bool {
    path.extension().is_some_and(|ending| ending == "ko") && bytes.len() < 100
}
