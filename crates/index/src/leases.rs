//! Where a lease keeps everybody from writing into a file.

use std::fs::File;

use nix::sys::statfs::fstatfs;

/// File systems of this machine alone, by their magic numbers (statfs(2)): who writes
/// there comes by the very file that has the lease.
///
/// All others are left out: below an overlay the file of the lower layer is another one,
/// and what FUSE or a network serves is written elsewhere.
const KEEPING: [(&str, u32); 10] = [
    ("ext2, ext3, ext4", 0xef53),
    ("xfs", 0x5846_5342),
    ("btrfs", 0x9123_683e),
    ("f2fs", 0xf2f5_2010),
    ("bcachefs", 0xca45_1a4e),
    ("zfs", 0x2fc1_2fc1),
    ("tmpfs", 0x0102_1994),
    ("ramfs", 0x8584_58f6),
    ("squashfs", 0x7371_7368),
    ("erofs", 0xe0f5_e1e2),
];

/// Whether who has a lease on `file` is asked before anybody writes into it.
pub(crate) fn are_kept_for(file: &File) -> bool {
    // The field's width and sign are the architecture's; the number has 32 bits.
    let magic = fstatfs(file).map(|found| found.filesystem_type().0 as u32);
    magic.is_ok_and(|magic| KEEPING.iter().any(|(_, keeping)| *keeping == magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_them_and_proc_does_not() {
        let open = |path| File::open(path).expect("Linux has it");
        assert!(are_kept_for(&open("/dev/shm")));
        assert!(!are_kept_for(&open("/proc/version")));
    }
}
