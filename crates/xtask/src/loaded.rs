//! A kernel with modules in it, as its files tell: `/proc/modules` and
//! `/sys/module`. The same on every machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::outcome::Stop;

/// How many modules are loaded: a desktop machine.
pub const COUNT: usize = 136;

/// Writes `proc/modules` and `sys/module` below `root`.
pub fn write(root: &Path) -> Result<(), Stop> {
    let proc = root.join("proc");
    fs::create_dir_all(&proc).map_err(Stop::io(proc.display()))?;
    let file = proc.join("modules");
    let lines: String = (0..COUNT).map(line).collect();
    fs::write(&file, lines).map_err(Stop::io(file.display()))?;
    for number in 0..COUNT {
        let dir = root.join("sys/module").join(name(number));
        let holders = dir.join("holders");
        fs::create_dir_all(&holders).map_err(Stop::io(dir.display()))?;
        let values = [
            ("coresize", size(number).to_string()),
            ("initsize", "0".into()),
            ("initstate", "live".into()),
            ("refcnt", users(number).len().to_string()),
            ("taint", String::new()),
        ];
        for (value, text) in values {
            fs::write(dir.join(value), text + "\n").map_err(Stop::io(dir.display()))?;
        }
        for user in users(number) {
            let link = holders.join(name(user));
            symlink(format!("../../{}", name(user)), &link).map_err(Stop::io(link.display()))?;
        }
    }
    Ok(())
}

/// A name as long as those of Linux are.
fn name(number: usize) -> String {
    const SUBSYSTEMS: [&str; 8] =
        ["snd_hda", "nf", "video", "usb_storage", "drm_helper", "i2c", "crypto", "nls_iso8859"];
    format!("{}_{number}", SUBSYSTEMS[number % SUBSYSTEMS.len()])
}

fn size(number: usize) -> usize {
    12_288 + 4_096 * (number * 7 % 40)
}

/// Half of all modules are used by others, a few by many.
fn users(number: usize) -> Vec<usize> {
    let count = [0, 1, 0, 2, 0, 1, 0, 5][number % 8];
    (1..=count).map(|step| number + step).filter(|user| *user < COUNT).collect()
}

/// A line of `/proc/modules`.
fn line(number: usize) -> String {
    let users = users(number);
    let names: String = users.iter().map(|user| name(*user) + ",").collect();
    let names = if names.is_empty() { "-" } else { &names };
    format!("{} {} {} {names} Live 0x0000000000000000\n", name(number), size(number), users.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_tell_the_same() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        let list = fs::read_to_string(dir.path().join("proc/modules")).unwrap();
        assert_eq!(list.lines().count(), COUNT);
        let mut used = 0;
        for line in list.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [name, size, count, users, "Live", _] = fields.as_slice() else {
                panic!("{line}");
            };
            let place = dir.path().join("sys/module").join(name);
            let value = |file| fs::read_to_string(place.join(file)).unwrap();
            assert_eq!((value("coresize").trim(), value("refcnt").trim()), (*size, *count));
            let links = fs::read_dir(place.join("holders")).unwrap();
            let links: Vec<_> = links.map(|entry| entry.unwrap()).collect();
            assert!(links.iter().all(|link| link.path().is_dir()));
            assert_eq!(links.len(), users.split_terminator(',').filter(|n| *n != "-").count());
            used += usize::from(!links.is_empty());
        }
        assert!((40..COUNT).contains(&used), "{used} modules are used");
    }
}
