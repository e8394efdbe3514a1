//! Access lists of files (acl(5)), as the kernel gives them out: the extended attribute
//! `system.posix_acl_access` (include/uapi/linux/posix_acl_xattr.h).

use std::path::Path;

/// Behind four bytes of version, an entry has a tag, rights and whose they are.
const HEADER: usize = 4;
const ENTRY: usize = 8;
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const WRITE: u16 = 0x2;

/// Lists that are longer hold somebody else than root for certain.
const LONGEST: usize = 4096;

/// Whether the list of `path` lets a user or group by name write that is not root's.
/// `false` where there is no list, or none can be read.
pub(crate) fn grants_write(path: &Path) -> bool {
    let mut list = [0; LONGEST];
    match rustix::fs::getxattr(path, c"system.posix_acl_access", &mut list) {
        Ok(length) => list.get(..length).is_some_and(names_a_writer),
        Err(error) => error == rustix::io::Errno::RANGE,
    }
}

/// One line of a list.
struct Entry {
    tag: u16,
    rights: u16,
    whose: u32,
}

impl Entry {
    /// `None` but of 8 bytes.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk()?;
        let (rights, rest) = rest.split_first_chunk()?;
        let whose = u32::from_le_bytes(*rest.first_chunk()?);
        Some(Self { tag: u16::from_le_bytes(*tag), rights: u16::from_le_bytes(*rights), whose })
    }

    fn may_write(&self) -> bool {
        self.rights & WRITE != 0
    }
}

fn names_a_writer(list: &[u8]) -> bool {
    let entries = || {
        let entries = list.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY);
        entries.filter_map(Entry::parse)
    };
    let other =
        |entry: Entry| [USER, GROUP].contains(&entry.tag) && entry.whose != 0 && entry.may_write();
    // The mask bounds what is given by name.
    entries().all(|entry| entry.tag != MASK || entry.may_write()) && entries().any(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        // The kernel takes them in this order alone.
        let mut entries = entries.to_vec();
        entries.sort_by_key(|(tag, ..)| *tag);
        for (tag, rights, whose) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(whose.to_le_bytes());
        }
        bytes
    }

    const NOBODY: u32 = u32::MAX;
    const OWN: [(u16, u16, u32); 2] = [(0x01, 6, NOBODY), (0x04, 4, NOBODY)];
    const OTHERS: (u16, u16, u32) = (0x20, 4, NOBODY);

    #[test]
    fn who_else_may_write_is_found() {
        let of =
            |named: &[(u16, u16, u32)]| names_a_writer(&list(&[&OWN, named, &[OTHERS]].concat()));
        assert!(of(&[(USER, 6, 1000), (MASK, 6, NOBODY)]));
        assert!(of(&[(GROUP, 2, 50), (MASK, 7, NOBODY)]));
        assert!(!of(&[(USER, 6, 1000), (MASK, 4, NOBODY)]), "the mask takes it away");
        assert!(!of(&[(USER, 4, 1000), (GROUP, 5, 50), (MASK, 6, NOBODY)]), "they only read");
        assert!(!of(&[(USER, 6, 0), (GROUP, 6, 0), (MASK, 6, NOBODY)]), "root's own");
        assert!(!of(&[]));
        let whole = list(&[(USER, 6, 1000)]);
        assert!((0..whole.len()).all(|length| !names_a_writer(&whole[..length])));
    }

    #[test]
    fn the_kernels_own_list_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(!grants_write(&path));
        assert!(!grants_write(&dir.path().join("nothing")));
        let named = [(USER, 6, 1000), (MASK, 6, NOBODY)];
        let bytes = list(&[&OWN[..], &named, &[OTHERS]].concat());
        let flags = rustix::fs::XattrFlags::empty();
        match rustix::fs::setxattr(&path, c"system.posix_acl_access", &bytes, flags) {
            Ok(()) => assert!(grants_write(&path)),
            // A file system without lists.
            Err(error) => assert_eq!(error, rustix::io::Errno::OPNOTSUPP),
        }
    }
}
