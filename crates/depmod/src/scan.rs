//! Which module files there are.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use komod_cache::{Entry, EntryKind, Known};
use komod_config::DepmodConfig;
use komod_name::ModuleName;

use crate::finding::{Finding, Sink};
use crate::names::Names;
use crate::rank::Ranking;
use crate::survey::Survey;

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

    /// Which of the files that [`scan`] met it is, counted from 0.
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

/// The module directory itself cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct ScanError {
    /// The module directory.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// An explicitly named module cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// There is no such file.
    #[error("{}: {error}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another named file has the same module name.
    #[error("{}: a second module {name}", path.display())]
    Twice {
        /// The later file.
        path: PathBuf,
        /// The name of both.
        name: ModuleName,
    },
}

/// The module files below `dir` and below every external tree of `config`,
/// one for each name: of several the one that `depmod.d`(5) prefers.
///
/// Files are found in byte order of their paths, so that the answer does not
/// depend on the file system. Symbolic links are followed; only a directory
/// that is its own ancestor is not entered again. A file whose name ends as a
/// module's does is a module, whatever is in it.
///
/// # Errors
/// When `dir` itself cannot be listed. Everything else goes to `sink`.
pub fn scan(
    dir: &Path,
    config: &DepmodConfig,
    sink: &mut Sink<'_>,
) -> Result<Vec<Found>, ScanError> {
    scan_again(dir, config, &mut Survey::default(), sink)
}

/// As [`scan`]: a directory of which `survey` knows that it is as it was is neither looked
/// at nor listed again; and the survey hears of all of them.
///
/// # Errors
/// As [`scan`].
pub fn scan_again(
    dir: &Path,
    config: &DepmodConfig,
    survey: &mut Survey<'_>,
    sink: &mut Sink<'_>,
) -> Result<Vec<Found>, ScanError> {
    let (ancestors, files) = (Vec::new(), Vec::new());
    let mut walk = Walk { config, survey, sink, told: false, ancestors, files };
    walk.directory(dir.as_os_str().as_bytes())
        .map_err(|error| ScanError { path: dir.to_owned(), error })?;
    // The last one first: of equals the one found first stays.
    for external in config.externals.iter().rev() {
        walk.directory_or_finding(external.dir.as_os_str().as_bytes());
    }
    let Walk { files, sink, .. } = walk;
    Ok(one_of_each_name(dir, files, &Ranking::new(config), sink))
}

/// Exactly the files `paths`.
///
/// # Errors
/// When one is not there or two have the same module name.
pub fn explicit(dir: &Path, paths: &[PathBuf]) -> Result<Vec<Found>, AddError> {
    let mut modules: Vec<Found> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for path in paths {
        fs::metadata(path).map_err(|error| AddError::Missing { path: path.clone(), error })?;
        let found = Found::at(dir, path.as_os_str().as_bytes().to_vec());
        if !names.insert(found.name.clone()) {
            return Err(AddError::Twice { path: path.clone(), name: found.name });
        }
        modules.push(found);
    }
    Ok(modules)
}

fn one_of_each_name(
    dir: &Path,
    files: Vec<(Vec<u8>, Option<u32>)>,
    ranking: &Ranking<'_>,
    sink: &mut Sink<'_>,
) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    // A new name's number is the place of its file.
    let mut names = Names::default();
    for (number, (path, before)) in (0..).zip(files) {
        let new = Found { number, before, ..Found::at(dir, path) };
        let place = names.intern(new.name.as_bytes()) as usize;
        match kept.get_mut(place) {
            Some(old) => {
                let (replaces, rule) = ranking.replaces(&new, old);
                let left = if replaces { std::mem::replace(old, new) } else { new };
                sink(Finding::Twice { taken: old.path(), left: left.path(), rule });
            }
            None => kept.push(new),
        }
    }
    kept
}

/// The entries of the directory `path` as [`scan`] sees them, and whether there was
/// something to tell of them. `None` if it cannot be listed.
pub(crate) fn list_again(
    path: &Path,
    config: &DepmodConfig,
) -> Option<(Vec<Entry<'static>>, bool)> {
    let (ancestors, files) = (Vec::new(), Vec::new());
    let (survey, sink) = (&mut Survey::default(), &mut |_: Finding<'_>| {});
    let mut walk = Walk { config, survey, sink, told: false, ancestors, files };
    let entries = walk.list(path.as_os_str().as_bytes(), path).ok()?;
    Some((entries, walk.told))
}

struct Walk<'a, 'f, 'o> {
    config: &'a DepmodConfig,
    survey: &'a mut Survey<'o>,
    sink: &'a mut (dyn FnMut(Finding<'_>) + 'f),
    /// Whether the sink has heard something of the directory that is being listed.
    told: bool,
    /// Device and inode of every directory that is being read.
    ancestors: Vec<(u64, u64)>,
    /// Their paths, and their places in the last run.
    files: Vec<(Vec<u8>, Option<u32>)>,
}

impl<'o> Walk<'_, '_, 'o> {
    fn directory_or_finding(&mut self, path: &[u8]) {
        if let Err(error) = self.directory(path) {
            (self.sink)(Finding::Directory { path, error });
        }
    }

    fn directory(&mut self, path: &[u8]) -> io::Result<()> {
        let own = Path::new(OsStr::from_bytes(path));
        let remembered = self.survey.unchanged(path);
        let known = match &remembered {
            Some((known, _)) => *known,
            None => self.survey.changed(own, &fs::metadata(own)?),
        };
        let here = (known.key.device, known.key.inode);
        if self.ancestors.contains(&here) {
            // What it leads to may be another directory the next time.
            self.survey.directory(path, Known { settled: false, ..known });
            return Ok(());
        }
        self.ancestors.push(here);
        let place = self.survey.directory(path, known);
        self.told = false;
        let listed = match remembered {
            Some((_, entries)) => Ok(entries),
            None => self.list(path, own).map(|mut entries| {
                self.survey.places(path, &mut entries);
                entries
            }),
        };
        if self.told || listed.is_err() {
            self.survey.listed_with_findings(place);
        }
        let listed = listed.map(|mut entries| {
            for Entry { name, kind, module, .. } in &mut entries {
                // The name of a directory ends in the slash that made it sort
                // where its contents belong.
                match kind {
                    EntryKind::Module => {
                        let before = *module;
                        *module = u32::try_from(self.files.len()).ok();
                        self.files.push((join(path, name), before));
                    }
                    EntryKind::Directory => {
                        let name = name.strip_suffix(b"/").unwrap_or(name);
                        self.directory_or_finding(&join(path, name));
                    }
                    EntryKind::Other => {}
                }
            }
            self.survey.listed(place, entries);
        });
        self.ancestors.pop();
        listed
    }

    /// What matters in a directory, in byte order; of links, those that could come to
    /// matter too.
    fn list(&mut self, path: &[u8], own: &Path) -> io::Result<Vec<Entry<'o>>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(own)? {
            let entry = entry?;
            let mut name = entry.file_name().into_vec();
            if self.is_excluded(&name) {
                continue;
            }
            let Some((kind, link)) = self.kind(path, &name, &entry) else { continue };
            if kind == EntryKind::Directory {
                name.push(b'/');
            }
            if kind != EntryKind::Other || link {
                entries.push(Entry { name: name.into(), kind, link, module: None });
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn is_excluded(&self, name: &[u8]) -> bool {
        name == b"build" || name == b"source" || self.config.excludes.iter().any(|e| e == name)
    }

    /// What an entry is, links followed, and whether it is a link; `None` if it is
    /// neither directory nor regular file, and the sink knows.
    fn kind(&mut self, dir: &[u8], name: &[u8], entry: &fs::DirEntry) -> Option<(EntryKind, bool)> {
        let known = entry.file_type().ok().filter(|kind| !kind.is_symlink());
        let kind = match known {
            Some(kind) => kind,
            None => match fs::metadata(entry.path()) {
                Ok(metadata) => metadata.file_type(),
                Err(error) => {
                    self.tell(Finding::Entry { dir, name, error });
                    return None;
                }
            },
        };
        let of = kind_of(name, kind);
        if of.is_none() {
            let path = join(dir, name);
            self.tell(Finding::FileType { path: &path, mode: format_bits(kind) });
        }
        Some((of?, known.is_none()))
    }

    fn tell(&mut self, finding: Finding<'_>) {
        self.told = true;
        (self.sink)(finding);
    }
}

/// What an entry of that name and type is; `None` for what is no file.
fn kind_of(name: &[u8], kind: FileType) -> Option<EntryKind> {
    if kind.is_dir() {
        Some(EntryKind::Directory)
    } else if kind.is_file() {
        Some(kind_of_file(name))
    } else {
        None
    }
}

/// What a regular file of that name is.
pub(crate) fn kind_of_file(name: &[u8]) -> EntryKind {
    if komod_file::strip_extension(name).is_some() { EntryKind::Module } else { EntryKind::Other }
}

/// The file type bits of `st_mode` (inode(7)).
fn format_bits(kind: FileType) -> u32 {
    if kind.is_fifo() {
        0o010_000
    } else if kind.is_char_device() {
        0o020_000
    } else if kind.is_block_device() {
        0o060_000
    } else if kind.is_socket() {
        0o140_000
    } else {
        0
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, b"/", name].concat()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn scanned(dir: &Path, config: &DepmodConfig) -> (Vec<String>, Vec<String>) {
        let mut findings = Vec::new();
        let found = scan(dir, config, &mut |finding| {
            if matches!(finding, Finding::Twice { .. }) {
                return;
            }
            findings.push(match finding {
                Finding::Entry { name, .. } => format!("entry {}", String::from_utf8_lossy(name)),
                Finding::FileType { mode, .. } => format!("type {mode:o}"),
                other => format!("{other:?}"),
            });
        });
        let paths = found.unwrap();
        let paths = paths.iter().map(|f| String::from_utf8_lossy(f.listed()).into_owned());
        (paths.collect(), findings)
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        dir
    }

    #[test]
    fn files_come_in_byte_order_of_their_paths() {
        let dir = tree(&["a/x.ko", "a-b/y.ko.xz", "a.ko", "z.ko.zst", ".hidden.ko.gz", "B.ko"]);
        let (paths, findings) = scanned(dir.path(), &DepmodConfig::default());
        assert_eq!(paths, [".hidden.ko.gz", "B.ko", "a-b/y.ko.xz", "a.ko", "a/x.ko", "z.ko.zst"]);
        assert!(findings.is_empty());
    }

    #[test]
    fn what_is_no_module_or_excluded_is_passed_over() {
        let files = ["build/a.ko", "k/source/b.ko", "k/no/c.ko", "k/d.ko", "e.ko.bz2", ".ko", "ko"];
        let dir = tree(&files);
        let config =
            DepmodConfig { excludes: vec![b"no".to_vec(), b"d.ko".to_vec()], ..Default::default() };
        assert_eq!(scanned(dir.path(), &config).0, [""; 0]);
        assert_eq!(scanned(dir.path(), &DepmodConfig::default()).0, ["k/d.ko", "k/no/c.ko"]);
    }

    #[test]
    fn links_are_followed_and_only_an_ancestor_is_not_entered_again() {
        let dir = tree(&["kernel/a.ko", "other/deep/b.ko"]);
        symlink("../other", dir.path().join("kernel/linked")).unwrap();
        symlink("../..", dir.path().join("other/deep/up")).unwrap();
        symlink("a.ko", dir.path().join("kernel/c.ko")).unwrap();
        symlink("nowhere", dir.path().join("kernel/gone.ko")).unwrap();
        let (paths, findings) = scanned(dir.path(), &DepmodConfig::default());
        assert_eq!(paths, ["kernel/a.ko", "kernel/c.ko", "kernel/linked/deep/b.ko"]);
        // Found on both ways to the directory, and not without end.
        assert!(findings.iter().all(|finding| finding == "entry gone.ko"), "{findings:?}");
        assert!(findings.len() < 4);
    }

    #[test]
    fn other_file_types_are_told() {
        let dir = tree(&["a.ko"]);
        let _socket = UnixListener::bind(dir.path().join("s")).unwrap();
        let (paths, findings) = scanned(dir.path(), &DepmodConfig::default());
        assert_eq!((paths, findings), (vec!["a.ko".into()], vec!["type 140000".into()]));
    }

    #[test]
    fn explicit_modules_exist_and_have_different_names() {
        let dir = tree(&["k/a-b.ko", "a_b.ko", "c.ko"]);
        let path = |name: &str| dir.path().join(name);
        let found = explicit(dir.path(), &[path("k/a-b.ko"), path("c.ko")]).unwrap();
        assert_eq!(
            found.iter().map(Found::listed).collect::<Vec<_>>(),
            [&b"k/a-b.ko"[..], b"c.ko"]
        );
        let twice = explicit(dir.path(), &[path("k/a-b.ko"), path("a_b.ko")]);
        assert!(matches!(twice, Err(AddError::Twice { .. })));
        let missing = explicit(dir.path(), &[path("none.ko")]);
        assert!(matches!(missing, Err(AddError::Missing { .. })));
    }

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
