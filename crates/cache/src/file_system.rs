//! Whether a file's key is worth anything where the file lies.

use std::path::Path;

use nix::sys::statfs::statfs;
use nix::sys::statvfs::FsFlags;

/// Linux's own file systems that are written to, and ZFS, by their magic numbers
/// (statfs(2)): in each a change of a file's bytes, and of a directory's entries, sets
/// the time of change from the kernel's clock. (But for one: of several stores through a
/// shared map, only the first into a page that is not to be written back yet sets it. Who
/// writes into a module that way while depmod reads it is not noticed.)
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

/// Whether every change of a file at `path` shows in its key. What is mounted to be read
/// only may be an image: the next one that is mounted there may have a file with the same
/// numbers and times.
pub(crate) fn tells_of_changes(path: &Path) -> bool {
    // The field's width and sign are the architecture's; the number has 32 bits.
    statfs(path).is_ok_and(|found| tells(found.filesystem_type().0 as u32, found.flags()))
}

fn tells(magic: u32, flags: FsFlags) -> bool {
    !flags.contains(FsFlags::ST_RDONLY) && TELLING.iter().any(|(_, telling)| *telling == magic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_only_read_does_not() {
        for (name, magic) in TELLING {
            assert!(tells(magic, FsFlags::ST_NOATIME), "{name}");
            assert!(!tells(magic, FsFlags::ST_NOATIME | FsFlags::ST_RDONLY), "{name}");
        }
    }

    #[test]
    fn proc_does_not_and_tmpfs_does() {
        assert!(!tells_of_changes(Path::new("/proc/version")));
        assert!(!tells_of_changes(Path::new("/nowhere")));
        assert!(tells_of_changes(Path::new("/dev/shm")));
    }
}
