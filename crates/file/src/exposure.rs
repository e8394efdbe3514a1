//! Who but root may change what a path leads to.
//!
//! A file is as safe as every directory on the way to it: who may write one of
//! them puts another file in its place. What an access list grants shows in the
//! bits of the group; where that is root's the list itself tells to whom.

use crate::access_list;
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

/// Looks at paths, and at each file and directory once.
#[derive(Debug, Default)]
pub struct ExposureCheck {
    seen: HashSet<PathBuf>,
}

/// Something that others than root can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// The file or directory.
    pub path: PathBuf,
    /// Who owns it: may change its mode whenever it likes.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// Its permission bits.
    pub mode: u32,
}

impl ExposureCheck {
    /// What others than root can write on the way to `path`, itself included,
    /// by its name and, where links lead elsewhere, by its true place.
    ///
    /// Nothing of what was looked at before, and nothing for what does not
    /// exist. Only regular files and directories count: `/dev/null` is anybody's.
    pub fn look(&mut self, path: &Path) -> Vec<Exposed> {
        let mut found = Vec::new();
        if let Ok(path) = absolute(path) {
            // Below a link everything is the same by either name, and its target is
            // looked at when the link is met first.
            if self.way(&path, &mut found) {
                if let Ok(true_path) = fs::canonicalize(&path) {
                    self.way(&true_path, &mut found);
                }
            }
        }
        found
    }

    /// Looks at `path` and what is above it; returns whether a link was among them.
    fn way(&mut self, path: &Path, found: &mut Vec<Exposed>) -> bool {
        let mut linked = false;
        for (step, place) in path.ancestors().enumerate() {
            // What is above a place that was looked at has been looked at, too.
            if !self.seen.insert(place.to_owned()) {
                break;
            }
            let Ok(mut metadata) = fs::symlink_metadata(place) else { continue };
            if metadata.is_symlink() {
                linked = true;
                let Ok(target) = fs::metadata(place) else { continue };
                metadata = target;
            }
            let listed = || access_list::grants_write(place);
            if is_exposed(&metadata, step > 0, listed) {
                let (owner, group) = (metadata.uid(), metadata.gid());
                let mode = metadata.mode() & 0o7777;
                found.push(Exposed { path: place.to_owned(), owner, group, mode });
            }
        }
        linked
    }
}

/// `on_the_way`: only what it holds may be replaced there, which a sticky
/// directory leaves to who owns it. `listed`: whether its access list lets others than
/// root write.
fn is_exposed(metadata: &Metadata, on_the_way: bool, listed: impl FnOnce() -> bool) -> bool {
    if !metadata.is_file() && !metadata.is_dir() {
        return false;
    }
    let sticky = on_the_way && metadata.mode() & 0o1000 != 0;
    // With a list the group's bits are the most that it grants to anybody (acl(5)).
    let group = metadata.mode() & 0o020 != 0 && (metadata.gid() != 0 || listed());
    let writable = metadata.mode() & 0o002 != 0 || group;
    metadata.uid() != 0 || (writable && !sticky)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// The paths below `root` that are exposed, as seen from a path in it.
    fn exposed(check: &mut ExposureCheck, root: &Path, path: &str) -> Vec<String> {
        let found = check.look(&root.join(path)).into_iter();
        let below = found.filter_map(|e| e.path.strip_prefix(root).ok().map(Path::to_owned));
        below.map(|path| path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_writable_step_is_told_once() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let owner = fs::metadata(&root).unwrap().uid();
        fs::create_dir_all(root.join("d/e")).unwrap();
        fs::write(root.join("d/e/file"), "").unwrap();
        symlink("d/e/file", root.join("link")).unwrap();
        let chmod = |path: &str, mode| {
            fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        chmod("d", 0o755);
        chmod("d/e", 0o1777);
        chmod("d/e/file", 0o666);
        let mut check = ExposureCheck::default();
        if owner == 0 {
            // What is in a sticky directory is its owner's.
            assert_eq!(exposed(&mut check, &root, "link"), ["link", "d/e/file"]);
            assert_eq!(exposed(&mut check, &root, "d/e/file"), Vec::<String>::new());
            chmod("d/e", 0o777);
            chmod("d/e/file", 0o644);
            let mut check = ExposureCheck::default();
            assert_eq!(exposed(&mut check, &root, "d/e/file"), ["d/e"]);
            assert_eq!(check.look(&root.join("nothing/at/all")), []);
            assert_eq!(ExposureCheck::default().look(Path::new("/dev/null")), []);
        } else {
            assert_eq!(exposed(&mut check, &root, "d/e/file"), ["d/e/file", "d/e", "d", ""]);
        }
    }
}
