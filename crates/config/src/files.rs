//! Which files make a configuration, and their bytes: all that this crate asks
//! of the file system.

use crate::origin::shown;
use crate::{Level, Warning};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

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

/// The files of `search` and the two lists of `module_dir`, in the order in
/// which they are to be read: by the bytes of their base names. Of several
/// with one base name only the first counts, and those of `module_dir` are
/// before all others.
pub(crate) fn sources(
    search: &Search,
    module_dir: Option<&Path>,
    reader: Reader,
    warnings: &mut Vec<Warning>,
) -> Vec<Source> {
    let mut found = BTreeMap::new();
    for name in ["modules.softdep", "modules.weakdep"] {
        if let Some(dir) = module_dir {
            let path = below(dir, OsStr::new(name));
            found.insert(OsString::from(name), Source { path, from_modules: true });
        }
    }
    for path in &search.paths {
        let Ok(metadata) = fs::metadata(path) else { continue };
        if metadata.is_dir() {
            directory(path, reader, &mut found, warnings);
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
fn directory(
    dir: &Path,
    reader: Reader,
    found: &mut BTreeMap<OsString, Source>,
    warnings: &mut Vec<Warning>,
) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut names: Vec<_> = entries.flatten().map(|e| (e.file_name(), e.file_type())).collect();
    // Only warnings come in this order.
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        if name.as_bytes().starts_with(b".") {
            continue;
        }
        let path = below(dir, &name);
        let mut warn = |level, what: &str| {
            let function = match reader {
                Reader::Modprobe => "conf_files_filter_out",
                Reader::Depmod => "",
            };
            let text = format!("{what}: {}", shown(path.as_os_str().as_bytes()));
            warnings.push(Warning { level, function, text });
        };
        if !name.as_bytes().ends_with(b".conf") {
            if reader == Reader::Depmod {
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
            Err(_) => warn(Level::Error, "Cannot stat directory entry"),
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

/// The whole file; `None` if it cannot be read, which nobody is told.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}
