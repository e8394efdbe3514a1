//! Which module files there are.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_cache::{Entry, EntryKind, Known};
use komod_config::DepmodConfig;
use komod_name::ModuleName;
use nix::errno::Errno;

use crate::finding::{Finding, Sink};
use crate::found::{Found, join};
use crate::list::list;
use crate::names::Names;
use crate::rank::Ranking;
use crate::survey::Survey;

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
        /// The earlier one.
        before: PathBuf,
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
    let mut walk = Walk { config, survey, sink, ancestors, files, links: 0, behind: 0 };
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
    let mut names = HashMap::new();
    for path in paths {
        fs::metadata(path).map_err(|error| AddError::Missing { path: path.clone(), error })?;
        let found = Found::at(dir, path.as_os_str().as_bytes().to_vec());
        if let Some(before) = names.insert(found.name.clone(), path) {
            let (path, before) = (path.clone(), before.clone());
            return Err(AddError::Twice { path, before, name: found.name });
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
        let new = Found::at(dir, path).met(number, before);
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

struct Walk<'a, 'f, 'o> {
    config: &'a DepmodConfig,
    survey: &'a mut Survey<'o>,
    sink: &'a mut (dyn FnMut(Finding<'_>) + 'f),
    /// Device and inode of every directory that is being read.
    ancestors: Vec<(u64, u64)>,
    /// Their paths, and their places in the last run.
    files: Vec<(Vec<u8>, Option<u32>)>,
    /// How many links lead to the directory that is being read.
    links: usize,
    /// How many directories were entered behind links.
    behind: usize,
}

/// So many directories are entered behind links. A dozen that hold links to one another
/// lead on more ways to more places than anybody has time for.
const MOST_BEHIND_LINKS: usize = 1 << 14;

impl Walk<'_, '_, '_> {
    /// Enters a directory in the one that is being read; `false` if there were too many
    /// links on the way, of which the sink hears once.
    fn below(&mut self, path: &[u8]) -> bool {
        if self.links > 0 {
            self.behind += 1;
        }
        if self.links > 0 && self.behind > MOST_BEHIND_LINKS {
            if self.behind == MOST_BEHIND_LINKS + 1 {
                let error = Errno::ELOOP.into();
                (self.sink)(Finding::Directory { path, error });
            }
            return false;
        }
        self.directory_or_finding(path);
        true
    }

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
        let listed = match remembered {
            Some((_, entries)) => Ok((entries, false)),
            None => list(own, self.config, self.sink).map(|(mut entries, told)| {
                self.survey.places(path, &mut entries);
                (entries, told)
            }),
        };
        if listed.as_ref().map_or(true, |(_, told)| *told) {
            self.survey.listed_with_findings(place);
        }
        let listed = listed.map(|(mut entries, _)| {
            for Entry { name, kind, link, module } in &mut entries {
                match kind {
                    EntryKind::Module => {
                        let before = *module;
                        *module = u32::try_from(self.files.len()).ok();
                        self.files.push((join(path, name), before));
                    }
                    EntryKind::Directory => {
                        let name = name.strip_suffix(b"/").unwrap_or(name);
                        self.links += usize::from(*link);
                        if !self.below(&join(path, name)) {
                            self.survey.listed_with_findings(place);
                        }
                        self.links -= usize::from(*link);
                    }
                    EntryKind::Other => {}
                }
            }
            self.survey.listed(place, entries);
        });
        self.ancestors.pop();
        listed
    }
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

    fn tree(files: &[impl AsRef<Path>]) -> tempfile::TempDir {
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
    fn directories_that_link_to_one_another_are_not_entered_on_all_ways() {
        let dirs: Vec<String> = (0..12).map(|number| format!("d{number}")).collect();
        let dir = tree(&dirs.iter().map(|d| format!("{d}/m{d}.ko")).collect::<Vec<_>>());
        for (at, to) in dirs.iter().flat_map(|at| dirs.iter().map(move |to| (at, to))) {
            symlink(format!("../{to}"), dir.path().join(at).join(format!("to{to}"))).unwrap();
        }
        let (paths, findings) = scanned(dir.path(), &DepmodConfig::default());
        assert_eq!(paths.len(), dirs.len());
        let [told] = &findings[..] else { panic!("{findings:?}") };
        assert!(told.contains("Too many levels of symbolic links"), "{told}");
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
}
