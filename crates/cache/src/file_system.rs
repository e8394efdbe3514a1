//! Whether a file's key is worth anything where the file lies.

use std::path::Path;

use nix::sys::statfs::statfs;

/// Linux's own file systems that are written to, and ZFS, by their magic numbers
/// (statfs(2)): in each a change of a file's bytes, and of a directory's entries, sets
/// the time of change from the kernel's clock.
///
/// All others are left out, and so read anew each time. An overlay shows the times of the
/// topmost layer, whatever comes or goes below; those of an image that is only read
/// (squashfs, erofs) were set when it was made, and the next image may have the same;
/// FAT has no time of change; a network's file systems and FUSE answer from memory.
const TELLING: [(&str, u32); 7] = [
    ("ext2, ext3, ext4", 0xef53),
    ("xfs", 0x5846_5342),
    ("btrfs", 0x9123_683e),
    ("f2fs", 0xf2f5_2010),
    ("bcachefs", 0xca45_1a4e),
    ("tmpfs", 0x0102_1994),
    ("zfs", 0x2fc1_2fc1),
];

/// Whether every change of a file at `path` shows in its key.
pub(crate) fn tells_of_changes(path: &Path) -> bool {
    // The field's width and sign are the architecture's; the number has 32 bits.
    let magic = statfs(path).map(|found| found.filesystem_type().0 as u32);
    magic.is_ok_and(|magic| TELLING.iter().any(|(_, telling)| *telling == magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_does_not_and_tmpfs_does() {
        assert!(!tells_of_changes(Path::new("/proc/version")));
        assert!(!tells_of_changes(Path::new("/nowhere")));
        assert!(tells_of_changes(Path::new("/dev/shm")));
    }
}
