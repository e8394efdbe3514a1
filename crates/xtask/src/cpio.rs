//! Archives the kernel unpacks as its first root: cpio's "newc" form, as
//! `Documentation/driver-api/early-userspace/buffer-format.rst` of the kernel
//! describes it.

use std::collections::BTreeSet;

/// An archive in memory. Names are without a leading `/`; the directories on
/// the way to a file are made by themselves.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
    directories: BTreeSet<String>,
}

impl Archive {
    /// Adds a directory, mode 0755, and those above it.
    pub fn directory(&mut self, name: &str) {
        if name.is_empty() || !self.directories.insert(name.to_owned()) {
            return;
        }
        self.parents(name);
        self.entry(name, 0o040_755, &[]);
    }

    /// Adds a file with the permission bits of `mode`.
    pub fn file(&mut self, name: &str, mode: u32, contents: &[u8]) {
        self.parents(name);
        self.entry(name, 0o100_000 | mode, contents);
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, name: &str, target: &str) {
        self.parents(name);
        self.entry(name, 0o120_777, target.as_bytes());
    }

    /// The whole archive, ended.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn parents(&mut self, name: &str) {
        if let Some((parent, _)) = name.rsplit_once('/') {
            self.directory(parent);
        }
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) {
        self.inode += 1;
        let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        // Inode, mode, owner, group, links, time, size, device and special
        // device (major and minor), length of the name with its NUL, checksum.
        let fields = [
            self.inode,
            mode,
            0,
            0,
            1,
            0,
            length(contents.len()),
            0,
            0,
            0,
            0,
            length(name.len() + 1),
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(contents);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_parents_come_first() {
        let mut archive = Archive::default();
        archive.file("a/b/c", 0o644, b"hello");
        archive.link("a/l", "b/c");
        let bytes = archive.finish();
        let names: Vec<usize> = ["a\0", "a/b\0", "a/b/c\0", "a/l\0", "TRAILER!!!\0"]
            .map(|n| {
                let head = format!("{:08x}00000000{n}", n.len());
                bytes.windows(head.len()).position(|w| w == head.as_bytes()).unwrap()
            })
            .to_vec();
        assert!(names.is_sorted());
        assert_eq!(bytes.len() % 4, 0);
        let file = bytes.windows(5).position(|w| w == b"hello").unwrap();
        assert_eq!(file % 4, 0);
    }
}
