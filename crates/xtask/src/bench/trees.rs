//! Module directories for the arena, made of links to files in the cache.

use std::fs::{self, create_dir_all};
use std::path::{Path, PathBuf};

use crate::bench::larger::{Names, copy};
use crate::outcome::Stop;
use crate::packages::{cache, once};

/// Links all files below `from` to the same places below `to`.
pub fn link(from: &Path, to: &Path) -> Result<(), Stop> {
    for file in files(from)? {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        if let Some(dir) = target.parent() {
            create_dir_all(dir).map_err(Stop::io(dir.display()))?;
        }
        fs::hard_link(&file, &target).map_err(Stop::io(target.display()))?;
    }
    Ok(())
}

/// All files below a directory, sorted.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(here) = open.pop() {
        for entry in fs::read_dir(&here).map_err(Stop::io(here.display()))? {
            let path = entry.map_err(Stop::io(here.display()))?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// How many times the modules are there at most.
pub const TIMES: usize = 4;

/// The modules once more, three times over, each under other names: directories
/// `2`, `3` and `4` in the cache, with `kernel/copyN` and `modules.order` in each.
pub fn copies(plain: &Path, release: &str) -> Result<PathBuf, Stop> {
    let target = cache()?.join(format!("copies-{release}"));
    once(&target, |fresh| {
        eprintln!("copying the modules of {release} under other names");
        let kernel = plain.join("kernel");
        let modules = files(&kernel)?;
        let read = |path: &Path| fs::read(path).map_err(Stop::io(path.display()));
        let odd = |path: &Path| Stop::Failed(format!("{}: no module of x86-64", path.display()));
        let mut names = Names::default();
        for module in &modules {
            names.note(&read(module)?).ok_or_else(|| odd(module))?;
        }
        let order = plain.join("modules.order");
        let order = fs::read_to_string(&order).map_err(Stop::io(order.display()))?;
        for number in 2..=TIMES {
            let renamed = names.renamed();
            let own = fresh.join(number.to_string());
            for module in &modules {
                let path = module.strip_prefix(&kernel).unwrap_or(module).to_string_lossy();
                let to = own.join(place(&path, number));
                if let Some(dir) = to.parent() {
                    create_dir_all(dir).map_err(Stop::io(dir.display()))?;
                }
                let bytes = copy(&read(module)?, &renamed).ok_or_else(|| odd(module))?;
                fs::write(&to, bytes).map_err(Stop::io(to.display()))?;
            }
            let lines = order.lines().filter_map(|line| line.strip_prefix("kernel/"));
            let text: String = lines.map(|line| place(line, number) + "\n").collect();
            fs::write(own.join("modules.order"), text).map_err(Stop::io("modules.order"))?;
        }
        Ok(())
    })?;
    Ok(target)
}

/// Where copy `number` of `kernel/PATH` lies.
fn place(path: &str, number: usize) -> String {
    let bare = path.strip_suffix(".ko").unwrap_or(path);
    format!("kernel/copy{number}/{bare}_copy{number}.ko")
}

/// Makes `to` a directory with the modules of `plain` `times` times.
pub fn multiply(plain: &Path, copies: &Path, times: usize, to: &Path) -> Result<(), Stop> {
    link(plain, to)?;
    let list = to.join("modules.order");
    let mut order = fs::read_to_string(&list).map_err(Stop::io(list.display()))?;
    // The link would be written through.
    fs::remove_file(&list).map_err(Stop::io(list.display()))?;
    for number in 2..=times {
        let own = copies.join(number.to_string());
        link(&own.join("kernel"), &to.join("kernel"))?;
        let more = own.join("modules.order");
        order += &fs::read_to_string(&more).map_err(Stop::io(more.display()))?;
    }
    fs::write(&list, order).map_err(Stop::io(list.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_names_of_their_own() {
        assert_eq!(place("fs/ext4/ext4.ko", 3), "kernel/copy3/fs/ext4/ext4_copy3.ko");
    }

    #[test]
    fn links_lead_to_the_same_files() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/c"), "text").unwrap();
        link(&from, &to).unwrap();
        assert_eq!(files(&to).unwrap(), [to.join("a/b/c")]);
        assert_eq!(fs::read_to_string(to.join("a/b/c")).unwrap(), "text");
        assert!(link(&from, &to).is_err(), "nothing is written over");
    }
}
