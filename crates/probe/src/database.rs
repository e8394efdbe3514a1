use std::cell::{OnceCell, RefCell};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use komod_index::{DepLine, Error, Index};
use komod_name::ModuleName;

const DEP: &str = "modules.dep.bin";
const ALIAS: &str = "modules.alias.bin";
const SYMBOLS: &str = "modules.symbols.bin";
const BUILTIN: &str = "modules.builtin.bin";
const BUILTIN_ALIAS: &str = "modules.builtin.alias.bin";

/// An index that exists and cannot be used: lookups in it find nothing.
#[derive(Debug)]
pub struct Broken {
    /// The index file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: Error,
}

/// One module directory and the indexes that depmod left in it.
///
/// Each index is opened when a lookup first needs it, and only then. One that
/// is missing holds nothing; one that is broken holds nothing and is
/// remembered for [`Database::take_broken`].
pub struct Database {
    dir: PathBuf,
    dep: OnceCell<Option<Index>>,
    /// `modules.dep.bin` once more, opened after an index that leads to modules.
    later_dep: OnceCell<Option<Index>>,
    alias: OnceCell<Option<Index>>,
    symbols: OnceCell<Option<Index>>,
    builtin: OnceCell<Option<Index>>,
    builtin_alias: OnceCell<Option<Index>>,
    broken: RefCell<Vec<Broken>>,
}

impl Database {
    /// The database in `dir` (`/lib/modules/RELEASE`). Opens nothing yet; `dir`
    /// need not exist.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            dep: OnceCell::new(),
            later_dep: OnceCell::new(),
            alias: OnceCell::new(),
            symbols: OnceCell::new(),
            builtin: OnceCell::new(),
            builtin_alias: OnceCell::new(),
            broken: RefCell::new(Vec::new()),
        }
    }

    /// The same with all its indexes in memory already: what replaces one of them is not
    /// seen, and nobody who writes into one waits (see [`Index::open`]). The one of
    /// built-in modules' aliases may be missing, older kernels have none.
    ///
    /// # Errors
    /// The first that is missing or broken.
    pub fn load(dir: PathBuf) -> Result<Self, Broken> {
        let database = Self::new(dir);
        for (slot, name) in [
            (&database.dep, DEP),
            (&database.alias, ALIAS),
            (&database.symbols, SYMBOLS),
            (&database.builtin_alias, BUILTIN_ALIAS),
            (&database.builtin, BUILTIN),
        ] {
            let path = database.file(name);
            let index = match Index::read(&path) {
                Ok(index) => Some(index),
                Err(_) if name == BUILTIN_ALIAS => None,
                Err(error) => return Err(Broken { path, error }),
            };
            let _ = slot.set(index);
        }
        let _ = database.later_dep.set(None);
        Ok(database)
    }

    /// The module directory, as given.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of the module called `name`, by `modules.dep.bin`. `None` when
    /// it lists no such module: unknown, or built in.
    pub fn path_of(&self, name: &ModuleName) -> Option<PathBuf> {
        Some(self.absolute(self.line(name)?.path))
    }

    /// Paths of everything that `name` needs, in the order of its line in
    /// `modules.dep`: what needs nothing comes last. Empty when it needs
    /// nothing or is not listed.
    pub fn dependencies(&self, name: &ModuleName) -> Vec<PathBuf> {
        self.line(name)
            .map(|line| line.deps.iter().map(|path| self.absolute(path)).collect())
            .unwrap_or_default()
    }

    /// Whether `modules.builtin.bin` lists `name`: its code is part of the
    /// kernel image.
    pub fn is_builtin(&self, name: &ModuleName) -> bool {
        self.builtin().is_some_and(|builtin| builtin.find(name.as_bytes()).is_some())
    }

    /// The text of `modules.builtin.modinfo`: what built-in modules say about
    /// themselves.
    ///
    /// # Errors
    /// When the file cannot be read; [`io::ErrorKind::NotFound`] when there is
    /// none.
    pub fn builtin_modinfo(&self) -> io::Result<Vec<u8>> {
        komod_file::read_now(&self.file("modules.builtin.modinfo"))
    }

    /// The aliases of modules: pattern to module name. `None` when missing or
    /// broken, as for the next two.
    pub fn aliases(&self) -> Option<&Index> {
        self.open(&self.alias, ALIAS)
    }

    /// Symbols: `symbol:NAME` to module name.
    pub fn symbols(&self) -> Option<&Index> {
        self.open(&self.symbols, SYMBOLS)
    }

    /// The aliases of built-in modules: pattern to module name.
    pub fn builtin_aliases(&self) -> Option<&Index> {
        self.open(&self.builtin_alias, BUILTIN_ALIAS)
    }

    /// The broken indexes met since the last call.
    pub fn take_broken(&self) -> Vec<Broken> {
        self.broken.take()
    }

    /// Modules: name to line of `modules.dep`.
    pub fn dep(&self) -> Option<&Index> {
        self.open(&self.dep, DEP)
    }

    /// The line of `name` in `modules.dep.bin`.
    ///
    /// An alias out of an index that depmod has replaced since `modules.dep.bin`
    /// was opened may lead to a module that only the new one lists: depmod
    /// replaces this one first, so that it is there by then.
    fn line(&self, name: &ModuleName) -> Option<DepLine<'_>> {
        let dep = self.dep()?;
        if let Some(found) = dep.find(name.as_bytes()) {
            return DepLine::parse(found);
        }
        let led_here = [&self.alias, &self.symbols].iter().any(|index| index.get().is_some());
        if !led_here {
            return None;
        }
        let later = self.open(&self.later_dep, DEP)?;
        DepLine::parse(later.find(name.as_bytes())?)
    }

    /// The names of built-in modules.
    pub fn builtin(&self) -> Option<&Index> {
        self.open(&self.builtin, BUILTIN)
    }

    fn open<'a>(&'a self, slot: &'a OnceCell<Option<Index>>, name: &str) -> Option<&'a Index> {
        slot.get_or_init(|| {
            let path = self.file(name);
            match Index::open(&path) {
                Ok(index) => Some(index),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => {
                    self.broken.borrow_mut().push(Broken { path, error });
                    None
                }
            }
        })
        .as_ref()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.absolute(name.as_bytes())
    }

    /// `path` below the directory, unless it is absolute. Bytes are put
    /// together as they are: doubled slashes stay, as people see the result.
    fn absolute(&self, path: &[u8]) -> PathBuf {
        if path.starts_with(b"/") {
            return OsString::from_vec(path.to_vec()).into();
        }
        let dir = self.dir.as_os_str().as_bytes();
        OsString::from_vec([dir, b"/", path].concat()).into()
    }
}
