//! The bytes of a Debian package: `deb`(5) is an archive of ar's with two of
//! tar's in it, one for dpkg and one of files.
//!
//! Written here and not by dpkg-deb: any machine can make them, and the same
//! files give the same bytes, whoever builds where, under which umask and with
//! which release of dpkg. All belongs to root and has one date.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};

use crate::outcome::Stop;

/// What stands behind a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory, mode 0755.
    Directory,
    /// A file with its permission bits.
    File(u32, Vec<u8>),
    /// A symbolic link.
    Link(String),
}

/// Files by their paths, which have no `/` in front. Sorted, and each has its
/// directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Adds a directory and those above it.
    pub fn directory(&mut self, path: &str) {
        self.put(path, Entry::Directory);
    }

    /// Adds a file that everybody may read.
    pub fn file(&mut self, path: &str, contents: impl Into<Vec<u8>>) {
        self.put(path, Entry::File(0o644, contents.into()));
    }

    /// Adds a file that everybody may run.
    pub fn program(&mut self, path: &str, contents: impl Into<Vec<u8>>) {
        self.put(path, Entry::File(0o755, contents.into()));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.put(path, Entry::Link(target.to_owned()));
    }

    /// What there is, in the order of the paths.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// The KiB it takes as policy counts them: files rounded up, one for
    /// whatever else.
    pub fn kilobytes(&self) -> usize {
        self.entries
            .values()
            .map(|entry| match entry {
                Entry::File(_, contents) => contents.len().div_ceil(1024),
                Entry::Directory | Entry::Link(_) => 1,
            })
            .sum()
    }

    fn put(&mut self, path: &str, entry: Entry) {
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            self.entries.entry(parent.to_owned()).or_insert(Entry::Directory);
            above = parent;
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// As a tar archive, everything with the date `time`.
    fn tar(&self, time: u64) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        header(&mut bytes, "./", &Entry::Directory, time)?;
        for (path, entry) in &self.entries {
            let ending = if *entry == Entry::Directory { "/" } else { "" };
            header(&mut bytes, &format!("./{path}{ending}"), entry, time)?;
            if let Entry::File(_, contents) = entry {
                bytes.extend_from_slice(contents);
                bytes.resize(bytes.len().next_multiple_of(512), 0);
            }
        }
        bytes.resize(bytes.len() + 1024, 0);
        Ok(bytes)
    }
}

/// A header of `tar`(5), POSIX ustar; error if a name is too long for it.
fn header(bytes: &mut Vec<u8>, name: &str, entry: &Entry, time: u64) -> Result<(), Stop> {
    let (mode, kind, size, target) = match entry {
        Entry::Directory => (0o755, b'5', 0, ""),
        Entry::File(mode, contents) => (*mode, b'0', contents.len(), ""),
        Entry::Link(target) => (0o777, b'2', 0, target.as_str()),
    };
    if name.len() > 100 || target.len() > 100 {
        return Err(Stop::Failed(format!("{name}: too long a name for a package")));
    }
    let start = bytes.len();
    let mut field = |width: usize, text: &[u8]| {
        let end = bytes.len() + width;
        bytes.extend_from_slice(text);
        bytes.resize(end, 0);
    };
    field(100, name.as_bytes());
    field(8, format!("{mode:07o}").as_bytes());
    field(8, b"0000000");
    field(8, b"0000000");
    field(12, format!("{size:011o}").as_bytes());
    field(12, format!("{time:011o}").as_bytes());
    field(8, b"        ");
    field(1, &[kind]);
    field(100, target.as_bytes());
    field(8, b"ustar\x0000");
    field(32, b"root");
    field(32, b"root");
    field(8, b"0000000");
    field(8, b"0000000");
    field(167, b"");
    // The sum counts its own field as blanks.
    let sum: u32 = bytes[start..].iter().map(|byte| u32::from(*byte)).sum();
    bytes[start + 148..start + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(())
}

/// The whole package.
pub fn package(control: &Tree, data: &Tree, time: u64) -> Result<Vec<u8>, Stop> {
    let mut bytes = b"!<arch>\n".to_vec();
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.xz", xz(&control.tar(time)?)?),
        ("data.tar.xz", xz(&data.tar(time)?)?),
    ];
    for (name, contents) in members {
        let size = contents.len();
        bytes.extend_from_slice(
            format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 100_644).as_bytes(),
        );
        bytes.extend_from_slice(&contents);
        if size % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

fn xz(bytes: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(Stop::io("xz"))
}

/// Gzip as policy wants it of manual pages and changelogs: the smallest,
/// without a name and a date.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(Stop::io("gzip"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs;
    use std::process::Command;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.program("usr/bin/kmod", "program");
        tree.link("usr/bin/lsmod", "kmod");
        tree.file("usr/share/odd", vec![7; 1025]);
        tree.directory("etc/modprobe.d");
        tree
    }

    #[test]
    fn what_is_written_is_read_by_tar() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data.tar");
        std::fs::write(&file, tree().tar(86_400).unwrap()).unwrap();
        let mut tar = Command::new("tar");
        tar.env("TZ", "UTC").env("LC_ALL", "C").arg("tvf").arg(&file);
        let listed = programs::text(&mut tar).unwrap();
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> = listed.lines().map(words).collect();
        let names: Vec<&str> = lines.iter().map(|line| line[5].as_str()).collect();
        assert_eq!(names[..3], ["./", "./etc/", "./etc/modprobe.d/"], "{listed}");
        assert!(lines.iter().all(|line| line[1] == "root/root" && line[3] == "1970-01-02"));
        assert!(listed.contains("-rwxr-xr-x root/root         7 "), "{listed}");
        assert!(listed.contains("./usr/bin/lsmod -> kmod\n"), "{listed}");
        let mut tar = Command::new("tar");
        programs::text(tar.arg("xf").arg(&file).arg("-C").arg(dir.path())).unwrap();
        assert_eq!(std::fs::read(dir.path().join("usr/share/odd")).unwrap(), [7; 1025]);
    }

    #[test]
    fn the_same_files_give_the_same_bytes_in_whatever_order_they_came() {
        let mut other = Tree::default();
        other.directory("etc/modprobe.d");
        other.file("usr/share/odd", vec![7; 1025]);
        other.link("usr/bin/lsmod", "kmod");
        other.program("usr/bin/kmod", "program");
        let control = Tree::default();
        let (one, two) = (package(&control, &tree(), 5), package(&control, &other, 5));
        assert_eq!(one.unwrap(), two.unwrap());
        assert_ne!(package(&control, &other, 5).unwrap(), package(&control, &other, 6).unwrap());
        assert_eq!(gzip(b"text").unwrap(), gzip(b"text").unwrap());
    }

    #[test]
    fn sizes_are_counted_and_long_names_refused() {
        // Three directories of usr, two of etc; 1 + 2 KiB of files, a link.
        assert_eq!(tree().kilobytes(), 5 + 3 + 1);
        let mut long = Tree::default();
        long.file(&"a".repeat(120), "");
        assert!(package(&Tree::default(), &long, 0).is_err());
    }
}
