//! What a run that was killed could not remove: the next one does.
//!
//! Directories that are a run's alone have the number of its process in their names,
//! `PREFIX-PID...`. When there is no such process any more, nobody needs them.

use std::fs;
use std::path::Path;

/// Removes directories of that prefix in `dir` whose process has ended, and says which.
///
/// What cannot be removed, for somebody still writes there, is left to the next run;
/// so is what belongs to a process whose number another has got meanwhile.
pub fn remove(dir: &Path, prefix: &str) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| owner(name, prefix));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && fs::remove_dir_all(entry.path()).is_ok()
        {
            eprintln!("removed what a killed run left: {}", entry.path().display());
        }
    }
}

/// Whose it is: the number behind the prefix, if nothing but `-` follows it.
fn owner(name: &str, prefix: &str) -> Option<u32> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('-')?;
    rest.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_nobody_goes() {
        let dir = tempfile::tempdir().unwrap();
        let ours = format!("boot-{}-x", std::process::id());
        // No process has a number as large.
        let stay = [ours.as_str(), "boot-x", "boot-", "boot", "boots-4194305", "copy-4194305"];
        for name in stay.iter().chain(&["boot-4194305-x", "boot-4194306"]) {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file"), "").unwrap();
        }
        fs::write(dir.path().join("boot-4194307"), "").unwrap();
        remove(dir.path(), "boot");
        let left = |name: &&str| dir.path().join(name).exists();
        assert!(stay.iter().all(left) && left(&"boot-4194307"));
        assert!(!left(&"boot-4194305-x") && !left(&"boot-4194306"));
    }
}
