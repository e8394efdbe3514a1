//! Which files make a configuration, and their bytes: all that this crate asks
//! of the file system.

use crate::origin::shown;
use crate::{Level, Warning};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{Error, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use komod_file::{io_text, is_fault};

/// Where configuration files are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Files and directories in order of precedence. What does not exist is
    /// passed over in silence.
    pub paths: Vec<PathBuf>,
}

/// The parents of `modprobe.d` and `depmod.d`, the strongest first.
const PARENTS: [&str; 5] = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

impl Search {
    /// `modprobe.d` in `/etc`, `/run`, `/usr/local/lib`, `/usr/lib` and `/lib`.
    pub fn modprobe_default() -> Self {
        Self::below("modprobe.d")
    }

    /// `depmod.d` in the same directories.
    pub fn depmod_default() -> Self {
        Self::below("depmod.d")
    }

    /// Only these (`-C`): a directory's `.conf` files, and every other path
    /// as a file, whatever its name.
    pub fn only(paths: Vec<PathBuf>) -> Self {
        Self { paths }
    }

    fn below(name: &str) -> Self {
        Self { paths: PARENTS.iter().map(|parent| Path::new(parent).join(name)).collect() }
    }
}

/// A configuration file that is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// From the kernel's directory.
    pub(crate) from_modules: bool,
}

/// Whose directories they are; they treat odd names differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Modprobe,
    Depmod,
}

/// What there is to tell of files and directories, in the words of who reads them.
pub(crate) struct Notes {
    reader: Reader,
    warnings: Vec<Warning>,
    /// Something was not read for the disk's or the machine's sake.
    pub(crate) lost: bool,
}

impl Notes {
    pub(crate) fn of(reader: Reader) -> Self {
        Self { reader, warnings: Vec::new(), lost: false }
    }

    /// What was noted since the last time.
    pub(crate) fn take(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// `function` is the one of kmod's library that speaks; depmod says it itself.
    fn warn(&mut self, level: Level, function: &'static str, text: String) {
        let function = if self.reader == Reader::Depmod { "" } else { function };
        self.warnings.push(Warning { level, function, text, origin: None });
    }

    /// `call` has failed for a path of the search.
    fn unlisted(&mut self, call: &str, path: &Path, error: &Error) {
        self.lost |= is_fault(error);
        let (path, why) = (shown(path.as_os_str().as_bytes()), io_text(error));
        let text = match self.reader {
            Reader::Modprobe => format!("{call}({path}): {why}"),
            Reader::Depmod => format!("files list {path}: {why}"),
        };
        self.warn(Level::Error, "conf_files_list", text);
    }

    /// As kmod does, modprobe goes on in silence without a file that is gone or may not be
    /// read; what the disk or the machine did not give is told.
    fn unread(&mut self, path: &Path, error: &Error) {
        let fault = is_fault(error);
        self.lost |= fault;
        let path = shown(path.as_os_str().as_bytes());
        let text = match self.reader {
            _ if error.kind() == ErrorKind::FileTooLarge => {
                let most = komod_file::LONGEST_TEXT >> 20;
                format!("{path}: more than {most} MiB are not read")
            }
            Reader::Modprobe if !fault => return,
            Reader::Modprobe => format!("{path}: {}", io_text(error)),
            Reader::Depmod => format!("file parse {path}: {}", io_text(error)),
        };
        self.warn(Level::Error, "kmod_config_parse", text);
    }
}

/// The files of `search` and the two lists of `module_dir`, in the order in
/// which they are to be read: by the bytes of their base names. Of several
/// with one base name only the first counts, and those of `module_dir` are
/// before all others.
pub(crate) fn sources(
    search: &Search,
    module_dir: Option<&Path>,
    notes: &mut Notes,
) -> Vec<Source> {
    let mut found = BTreeMap::new();
    for name in ["modules.softdep", "modules.weakdep"] {
        if let Some(dir) = module_dir {
            let path = below(dir, OsStr::new(name));
            found.insert(OsString::from(name), Source { path, from_modules: true });
        }
    }
    for path in &search.paths {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                if is_fault(&error) {
                    notes.unlisted("stat", path, &error);
                }
                continue;
            }
        };
        if metadata.is_dir() {
            directory(path, &mut found, notes);
        } else {
            let name = path.as_os_str().as_bytes().rsplit(|&byte| byte == b'/').next();
            let name = OsStr::from_bytes(name.unwrap_or_default());
            let source = Source { path: path.clone(), from_modules: false };
            found.entry(name.to_owned()).or_insert(source);
        }
    }
    found.into_values().collect()
}

/// Adds the files of one directory whose base names are new.
fn directory(dir: &Path, found: &mut BTreeMap<OsString, Source>, notes: &mut Notes) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return notes.unlisted("opendir", dir, &error),
    };
    let mut names = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => names.push((entry.file_name(), entry.file_type())),
            Err(error) if is_fault(&error) => notes.unlisted("readdir", dir, &error),
            // It was removed meanwhile.
            Err(_) => {}
        }
    }
    let depmod = notes.reader == Reader::Depmod;
    // Only warnings come in this order.
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        if name.as_bytes().starts_with(b".") {
            continue;
        }
        let path = below(dir, &name);
        let mut warn = |level, what: &str| {
            let text = format!("{what}: {}", shown(path.as_os_str().as_bytes()));
            notes.warn(level, "conf_files_filter_out", text);
        };
        if !name.as_bytes().ends_with(b".conf") {
            if depmod {
                warn(Level::Info, "All cfg files need .conf");
            }
            continue;
        }
        // A link counts as what it leads to.
        let is_dir = match kind {
            Ok(kind) if !kind.is_symlink() => Ok(kind.is_dir()),
            _ => fs::metadata(&path).map(|metadata| metadata.is_dir()),
        };
        match is_dir {
            Err(error) => {
                warn(Level::Error, "Cannot stat directory entry");
                notes.lost |= is_fault(&error);
            }
            Ok(true) => warn(Level::Error, "Directories inside directories are not supported"),
            Ok(false) => {
                if let Entry::Vacant(free) = found.entry(name) {
                    free.insert(Source { path, from_modules: false });
                }
            }
        }
    }
}

/// `DIR/NAME`, also where DIR ends with a slash: kmod's messages have both.
fn below(dir: &Path, name: &OsStr) -> PathBuf {
    let path = [dir.as_os_str().as_bytes(), b"/", name.as_bytes()].concat();
    PathBuf::from(OsString::from_vec(path))
}

/// The whole file; `None` if it cannot be read. A pipe that nobody writes to does not hold
/// it up.
pub(crate) fn read(path: &Path, notes: &mut Notes) -> Option<(Vec<u8>, Metadata)> {
    komod_file::read_now_with_metadata(path).map_err(|error| notes.unread(path, &error)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, DepmodConfig};
    use std::os::unix::fs::symlink;

    /// A directory with files, each of one `alias` line that names it.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[&str]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for file in files {
                let path = tree.path(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, format!("alias {file} x\n")).unwrap();
            }
            tree
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Which files are read, in order.
        #[track_caller]
        fn reads(&self, paths: &[&str], module_dir: Option<&str>, expected: &[&str]) -> Config {
            let search = Search::only(paths.iter().map(|path| self.path(path)).collect());
            let module_dir = module_dir.map(|dir| self.path(dir));
            let config = Config::load(&search, module_dir.as_deref(), None);
            let found: Vec<_> =
                config.aliases.iter().map(|it| std::str::from_utf8(&it.pattern).unwrap()).collect();
            assert_eq!(found, expected, "{paths:?}");
            config
        }
    }

    #[test]
    fn files_are_read_by_base_name_across_directories() {
        let tree = Tree::new(&["1/b.conf", "1/d.conf", "2/B.conf", "2/c.conf", "2/a_b.conf"]);
        let order = ["2/B.conf", "2/a_b.conf", "1/b.conf", "2/c.conf", "1/d.conf"];
        tree.reads(&["1", "2"], None, &order);
        tree.reads(&["2", "1"], None, &order);
    }

    #[test]
    fn the_first_of_one_base_name_masks_the_others() {
        let tree = Tree::new(&["1/a.conf", "2/a.conf", "2/b.conf", "b.conf"]);
        tree.reads(&["1", "2"], None, &["1/a.conf", "2/b.conf"]);
        tree.reads(&["2", "1"], None, &["2/a.conf", "2/b.conf"]);
        tree.reads(&["b.conf", "2"], None, &["2/a.conf", "b.conf"]);
        tree.reads(&["1", "1"], None, &["1/a.conf"]);
        symlink("/dev/null", tree.path("1/b.conf")).unwrap();
        tree.reads(&["1", "2"], None, &["1/a.conf"]);
    }

    #[test]
    fn in_a_directory_only_visible_conf_files_count() {
        let tree =
            Tree::new(&["1/a.conf", "1/.h.conf", "1/.conf", "1/x.alias", "1/y.confx", "1/z"]);
        let config = tree.reads(&["1"], None, &["1/a.conf"]);
        assert_eq!(config.warnings, []);
        tree.reads(&["1/z", "1/.h.conf", "no", "no/x"], None, &["1/.h.conf", "1/z"]);
    }

    #[test]
    fn odd_entries_are_told() {
        let tree = Tree::new(&["1/a.conf", "1/sub.conf/x.conf"]);
        symlink("nowhere", tree.path("1/link.conf")).unwrap();
        symlink("a.conf", tree.path("1/good.conf")).unwrap();
        let config = tree.reads(&["1/"], None, &["1/a.conf", "1/a.conf"]);
        let dir = tree.path("1");
        let dir = dir.display();
        let expected = [
            (format!("Cannot stat directory entry: {dir}//link.conf"), "conf_files_filter_out"),
            (
                format!("Directories inside directories are not supported: {dir}//sub.conf"),
                "conf_files_filter_out",
            ),
        ];
        let found: Vec<_> = config.warnings.into_iter().map(|it| (it.text, it.function)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn depmod_tells_of_other_names_too() {
        let tree = Tree::new(&["1/a.confx", "1/.h"]);
        let config = DepmodConfig::load(&Search::only(vec![tree.path("1")]), b"6.1");
        let text = format!("All cfg files need .conf: {}/a.confx", tree.path("1").display());
        assert_eq!(
            config.warnings,
            [Warning { level: Level::Info, function: "", text, origin: None }]
        );
    }

    #[test]
    fn the_lists_of_the_kernels_directory_stand_at_their_names() {
        let tree = Tree::new(&["1/a.conf", "1/n.conf", "m/modules.softdep", "m/modules.weakdep"]);
        let order = ["1/a.conf", "m/modules.softdep", "m/modules.weakdep", "1/n.conf"];
        tree.reads(&["1"], Some("m"), &order);
        // A file of that name is masked, wherever it is, and whether or not
        // the kernel's directory has one.
        let tree = Tree::new(&["modules.softdep", "m/x"]);
        tree.reads(&["modules.softdep"], Some("m"), &[]);
        tree.reads(&["modules.softdep"], None, &["modules.softdep"]);
    }

    #[test]
    fn a_line_of_the_kernels_directory_is_marked() {
        let tree = Tree::new(&[]);
        fs::write(tree.path("modules.softdep"), "softdep a pre: b\n").unwrap();
        fs::write(tree.path("z.conf"), "softdep a pre: c\n").unwrap();
        let search = Search::only(vec![tree.path("z.conf")]);
        let config = Config::load(&search, Some(&tree.path(".")), Some(b"a.b=1"));
        let marks: Vec<_> = config.softdeps.iter().map(|it| it.from_modules).collect();
        assert_eq!(marks, [true, false]);
        assert_eq!(config.softdep_for(b"a").unwrap().text(), b"pre: c");
        assert_eq!(config.options.len(), 1);
    }

    #[test]
    fn the_defaults_go_from_etc_to_lib() {
        let paths = Search::modprobe_default().paths;
        let expected = [
            "/etc/modprobe.d",
            "/run/modprobe.d",
            "/usr/local/lib/modprobe.d",
            "/usr/lib/modprobe.d",
            "/lib/modprobe.d",
        ];
        assert_eq!(paths, expected.map(PathBuf::from));
        assert_eq!(Search::depmod_default().paths[0], Path::new("/etc/depmod.d"));
    }
}
