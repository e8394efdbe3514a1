//! Where the scratch roots of tests lie.

use std::path::{Path, PathBuf};

use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};

/// Memory that most systems have in their tree.
const MEMORY: &str = "/dev/shm";

/// The system's directory for temporary files; memory where that one is an overlay,
/// whose times tell depmod nothing, and programs in memory may run.
pub fn directory() -> PathBuf {
    let usual = std::env::temp_dir();
    if is_overlay(&usual) && is_memory(Path::new(MEMORY)) { MEMORY.into() } else { usual }
}

fn is_overlay(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| found.filesystem_type() == OVERLAYFS_SUPER_MAGIC)
}

fn is_memory(path: &Path) -> bool {
    let memory = statfs(path).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC);
    memory && statvfs(path).is_ok_and(|found| !found.flags().contains(FsFlags::ST_NOEXEC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_can_be_made_there() {
        tempfile::tempdir_in(directory()).unwrap();
        assert!(!is_overlay(Path::new("/proc")) && !is_memory(Path::new("/proc")));
    }
}
