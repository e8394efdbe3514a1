//! One module of a context.

use std::cell::{Cell, OnceCell};
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use komod_kernel::Errno;
use komod_name::ModuleName;
use komod_probe::{Source, Target};

use crate::text::c_text;
use crate::{Context, Item};

/// One module of a context; nothing says that it exists. What was asked for once is
/// kept: C has pointers to it.
pub struct Module {
    context: Rc<Context>,
    target: Target,
    name: CString,
    path: OnceCell<CString>,
    /// Whether a caller named its file: what has one counts as not built in.
    named_by_file: Cell<bool>,
    options: OnceCell<Option<CString>>,
    install: OnceCell<Option<CString>>,
    remove: OnceCell<Option<CString>>,
    pub(crate) contents: OnceCell<Vec<u8>>,
}

/// What [`Module::passes`] leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// Modules on the blacklist.
    pub blacklist: bool,
    /// Modules that are built in.
    pub builtin: bool,
}

impl Module {
    pub(crate) fn new(context: Rc<Context>, target: Target) -> Self {
        let module = Self {
            name: c_text(target.name.as_bytes()),
            context,
            path: OnceCell::new(),
            named_by_file: Cell::new(target.source == Source::Path),
            options: OnceCell::new(),
            install: OnceCell::new(),
            remove: OnceCell::new(),
            contents: OnceCell::new(),
            target,
        };
        module.learn_path(module.target.path.as_deref());
        module
    }

    /// The context it belongs to.
    pub fn context(&self) -> &Rc<Context> {
        &self.context
    }

    /// Its canonical name.
    pub fn name(&self) -> &CStr {
        &self.name
    }

    pub(crate) fn module_name(&self) -> &ModuleName {
        &self.target.name
    }

    /// What the engines call it.
    pub(crate) fn target(&self) -> Target {
        let path = self.path.get().map(|path| as_path(path).to_owned());
        let by_file = self.named_by_file.get();
        let source = if by_file { Source::Path } else { self.target.source.clone() };
        Target { path, source, ..self.target.clone() }
    }

    /// The path, if it is known without looking.
    pub(crate) fn known_path(&self) -> Option<&CStr> {
        self.path.get().map(CString::as_c_str)
    }

    pub(crate) fn learn_path(&self, path: Option<&Path>) {
        if let Some(path) = path {
            self.path.get_or_init(|| c_text(path.as_os_str().as_bytes()));
        }
    }

    /// A caller names its file.
    pub(crate) fn name_by_file(&self) {
        self.named_by_file.set(true);
    }

    /// Its file, looked for in the index of modules. `None` for one that has none: built
    /// in, or unknown.
    pub fn path(&self) -> Option<&CStr> {
        if self.path.get().is_none() {
            let database = self.context.database();
            self.learn_path(database.path_of(&self.target.name).as_deref());
        }
        self.known_path()
    }

    /// Its file for the file system.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.path().map(as_path)
    }

    /// The configured options, with blanks between; `None` when there are none.
    pub fn options(&self) -> Option<&CStr> {
        let alias = self.target.alias.as_deref();
        let found = || {
            let options = self.context.config.options_for(self.target.name.as_bytes(), alias);
            (!options.is_empty()).then(|| c_text(&options))
        };
        self.options.get_or_init(found).as_deref()
    }

    /// What runs in place of loading it, as configured.
    pub fn install_command(&self) -> Option<&CStr> {
        let line = || self.target.install_command(&self.context.config);
        self.install.get_or_init(|| line().map(|line| c_text(&line.command))).as_deref()
    }

    /// What runs in place of removing it, as configured.
    pub fn remove_command(&self) -> Option<&CStr> {
        let line = || self.target.remove_command(&self.context.config);
        self.remove.get_or_init(|| line().map(|line| c_text(&line.command))).as_deref()
    }

    /// Whether it is part of the kernel image.
    pub fn is_builtin(&self) -> bool {
        self.target().is_builtin(&self.context.database())
    }

    /// All that it needs, what needs nothing first.
    pub fn dependencies(&self) -> Vec<Item> {
        let database = self.context.database();
        let mut found: Vec<Item> = database
            .dependencies(&self.target.name)
            .into_iter()
            .map(|path| {
                let name = ModuleName::of_path(path.as_os_str().as_bytes());
                let target = Target { name, alias: None, path: Some(path), source: Source::Name };
                Item::Module(self.context.module(target))
            })
            .collect();
        found.reverse();
        found
    }

    /// What its soft dependencies stand for: before and after it.
    pub fn soft_dependencies(&self) -> (Vec<Item>, Vec<Item>) {
        match self.context.config.softdep_for(self.target.name.as_bytes()) {
            Some(line) => (self.all_of(line.pre()), self.all_of(line.post())),
            None => Default::default(),
        }
    }

    /// What its weak dependencies stand for.
    pub fn weak_dependencies(&self) -> Vec<Item> {
        match self.context.config.weakdep_for(self.target.name.as_bytes()) {
            Some(line) => self.all_of(line.weak.iter().map(Vec::as_slice)),
            None => Vec::new(),
        }
    }

    /// All that these words stand for; those that no lookup can be made for are told.
    fn all_of<'a>(&self, words: impl Iterator<Item = &'a [u8]>) -> Vec<Item> {
        let look_up = |word: &'a [u8]| match self.context.lookup(word) {
            Ok(found) => found,
            Err(_) => {
                self.context.tell_unreadable(word);
                Vec::new()
            }
        };
        words.flat_map(look_up).collect()
    }

    /// Whether no part of the filter leaves it out.
    pub fn passes(&self, filter: Filter) -> bool {
        let blacklisted = || self.context.config.is_blacklisted(self.target.name.as_bytes());
        !(filter.blacklist && blacklisted() || filter.builtin && self.is_builtin())
    }

    /// The file, or what to say to who needs one.
    pub(crate) fn file_or_enoent(&self) -> Result<&Path, Errno> {
        self.file().ok_or(Errno::ENOENT)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        self.context.forget(&self.target);
    }
}

fn as_path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}
