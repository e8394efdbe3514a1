//! From names, paths and aliases to modules.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use komod_kernel::{Errno, LoadedModule};
use komod_name::ModuleName;
use komod_probe::{Resolver, Source, Target};

use crate::text::{errno_of, errno_text};
use crate::{Context, Item, Module};

impl Context {
    /// The module called `name` up to its first dot.
    pub fn module_by_name(self: &Rc<Self>, name: &[u8]) -> Rc<Module> {
        self.named(ModuleName::cut(name))
    }

    pub(crate) fn named(self: &Rc<Self>, name: ModuleName) -> Rc<Module> {
        self.module(Target { name, alias: None, path: None, source: Source::Name })
    }

    /// The module in the file at `path`.
    ///
    /// # Errors
    /// Why there is no such file; EEXIST when a module of that name is in use that has
    /// another file.
    pub fn module_by_path(self: &Rc<Self>, path: &[u8]) -> Result<Rc<Module>, Errno> {
        let path = Path::new(OsStr::from_bytes(path));
        let target = Resolver::path(path).map_err(|error| errno_of(&error))?;
        let file = target.path.as_deref().map(|path| path.as_os_str().as_bytes());
        let known = self.known(&target);
        let other = known.as_ref().and_then(|known| known.known_path());
        let other = other.map(|other| other.to_bytes()).filter(|other| Some(*other) != file);
        if let Some(other) = other {
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.log.error(
                "kmod_module_new_from_path",
                format_args!(
                    "kmod_module '{}' already exists with different path: \
                     new-path='{}' old-path='{}'",
                    target.name,
                    shown(file.unwrap_or_default()),
                    shown(other)
                ),
            );
            return Err(Errno::EEXIST);
        }
        let module = self.module(target);
        module.name_by_file();
        Ok(module)
    }

    /// All that a name or alias stands for.
    ///
    /// # Errors
    /// EINVAL for a bracket without its partner.
    pub fn lookup(self: &Rc<Self>, text: &[u8]) -> Result<Vec<Item>, Errno> {
        let database = self.database();
        let found = self.resolver(&database).lookup(text).map_err(|_| Errno::EINVAL);
        Ok(found?.into_iter().map(|target| Item::Module(self.module(target))).collect())
    }

    /// The module of that name, if there is one, built in or not.
    pub fn lookup_name(self: &Rc<Self>, name: &[u8]) -> Option<Rc<Module>> {
        let database = self.database();
        let found = self.resolver(&database).lookup_name(name);
        found.map(|target| self.module(target))
    }

    /// All that is loaded, in the kernel's order.
    ///
    /// # Errors
    /// Why the kernel's list cannot be read.
    pub fn loaded(self: &Rc<Self>) -> Result<Vec<Item>, Errno> {
        let loaded = self.kernel_list("kmod_module_new_from_loaded")?;
        let modules = loaded.iter().map(|module| self.named(ModuleName::new(&module.name)));
        Ok(modules.map(Item::Module).collect())
    }

    /// The kernel's list; that it cannot be read is told.
    pub(crate) fn kernel_list(&self, function: &str) -> Result<Vec<LoadedModule>, Errno> {
        self.kernel.loaded().map_err(|error| {
            let errno = errno_of(&error);
            self.log.error(
                function,
                format_args!("could not open /proc/modules: {}", errno_text(errno)),
            );
            errno
        })
    }

    pub(crate) fn tell_unreadable(&self, word: &[u8]) {
        let word = String::from_utf8_lossy(word);
        let function = "lookup_dep";
        self.log.error(
            function,
            format_args!("failed to lookup dependency '{word}', continuing anyway."),
        );
    }
}
