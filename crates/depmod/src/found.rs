//! A module file, before anything of it is read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_name::ModuleName;

/// A module file: where it is and how it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// By its file name.
    pub name: ModuleName,
    path: Vec<u8>,
    /// Where in `path` the part below the module directory starts.
    below: Option<usize>,
    /// Which of the files that the scan met it is.
    number: u32,
    /// Its place among the modules of the last run.
    before: Option<u32>,
}

impl Found {
    /// The file `relative` of the module directory `dir`.
    pub fn below(dir: &Path, relative: &[u8]) -> Self {
        Self::at(dir, join(dir.as_os_str().as_bytes(), relative))
    }

    /// The file `path`, which may or may not lie below `dir`.
    pub fn at(dir: &Path, path: Vec<u8>) -> Self {
        let dir = dir.as_os_str().as_bytes();
        let inside = path.strip_prefix(dir).is_some_and(|rest| rest.first() == Some(&b'/'));
        let below = inside.then_some(dir.len() + 1);
        Self { name: ModuleName::of_path(&path), below, path, number: 0, before: None }
    }

    /// The file as the scan has met it: which of all it is, and its place among the
    /// modules of the last run.
    pub(crate) fn met(self, number: u32, before: Option<u32>) -> Self {
        Self { number, before, ..self }
    }

    /// Which of the files that [`scan`](crate::scan()) met it is, counted from 0.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The place that the file of this path had among the modules of the last run.
    pub(crate) fn before(&self) -> Option<u32> {
        self.before
    }

    /// The whole path.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The path as the files name it: below the module directory, or whole.
    pub fn listed(&self) -> &[u8] {
        self.below.and_then(|at| self.path.get(at..)).unwrap_or(&self.path)
    }

    /// The module directory, if the file lies below it.
    pub fn directory(&self) -> Option<&Path> {
        let directory = self.path.get(..self.below?.checked_sub(1)?)?;
        Some(Path::new(OsStr::from_bytes(directory)))
    }

    /// Whether it lies below the module directory.
    pub fn in_tree(&self) -> bool {
        self.below.is_some()
    }

    /// How `modules.order` lists it: uncompressed, that is three bytes (`.ko`)
    /// further than the module's name. `None` outside the module directory.
    pub fn listed_in_order(&self) -> Option<&[u8]> {
        self.below?;
        self.listed().get(..self.path_without_extension().len() + b".ko".len())
    }

    /// [`Self::listed`], the file's name only as far as it is the module's.
    pub fn path_without_extension(&self) -> &[u8] {
        let listed = self.listed();
        let file = listed.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        listed.get(..file + self.name.as_bytes().len()).unwrap_or(listed)
    }

    /// The whole path, to open it.
    pub fn to_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

/// The path of what is called `name` in `dir`.
pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, b"/", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_the_first_dot_and_listings_three_bytes_later() {
        let dir = Path::new("/m");
        let plain = Found::below(dir, b"k/a-b.ko.xz");
        assert_eq!(plain.listed_in_order(), Some(&b"k/a-b.ko"[..]));
        assert_eq!(plain.path_without_extension(), b"k/a-b");
        let dotted = Found::below(dir, b"k/n.foo.ko");
        assert_eq!(dotted.listed_in_order(), Some(&b"k/n.fo"[..]));
        assert_eq!(dotted.path_without_extension(), b"k/n");
        let outside = Found::at(dir, b"/mm/a.ko".to_vec());
        assert_eq!((outside.listed(), outside.listed_in_order()), (&b"/mm/a.ko"[..], None));
    }
}
