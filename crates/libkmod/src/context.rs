//! One module directory with one configuration.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use komod_config::{Config, Level, Search};
use komod_kernel::{Kernel, Live};
use komod_probe::{Database, Resolver, Target};

use crate::Module;
use crate::config_iter::Texts;
use crate::log::{ERROR, INFO, Log};
use crate::resources::{Resources, Stamped};
use crate::text::c_text;

/// Where kernels keep their modules (`depmod`(8)).
const MODULE_DIRECTORY: &str = "/lib/modules";

/// What tells modules of a context apart: one under two aliases is two.
type Key = (Vec<u8>, Option<Vec<u8>>);

/// One module directory with one configuration, and the modules that are in use.
pub struct Context {
    dirname: CString,
    dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) config_stamps: Vec<Stamped>,
    pub(crate) texts: [OnceCell<Texts>; 7],
    pub(crate) resources: Resources,
    pub(crate) kernel: Box<dyn Kernel>,
    /// Messages.
    pub log: Log,
    /// The caller's own; never looked at.
    pub userdata: Cell<*const c_void>,
    modules: RefCell<BTreeMap<Key, Weak<Module>>>,
}

impl Context {
    /// A context of `dirname`, relative to the current directory where it is not
    /// absolute, or of the running kernel's modules; with the configuration in these
    /// files and directories, or in the usual ones. What is wrong with the configuration
    /// is told. `None` when the kernel does not tell its release, or where we are.
    pub fn new(dirname: Option<&[u8]>, config: Option<Vec<PathBuf>>) -> Option<Rc<Self>> {
        Self::with_kernel(dirname, config, Box::new(Live::without_descriptors()))
    }

    /// As [`Context::new`], of this kernel.
    pub fn with_kernel(
        dirname: Option<&[u8]>,
        config: Option<Vec<PathBuf>>,
        kernel: Box<dyn Kernel>,
    ) -> Option<Rc<Self>> {
        let dir = directory(dirname, &*kernel)?;
        let search = config.map_or_else(Search::modprobe_default, Search::only);
        let config_stamps = search.paths.iter().map(|path| Stamped::now(path)).collect();
        let cmdline = std::fs::read("/proc/cmdline").ok();
        let config = Config::load(&search, Some(&dir), cmdline.as_deref());
        let log = Log::of_process();
        for warning in &config.warnings {
            let priority = match warning.level {
                Level::Error => ERROR,
                Level::Info => INFO,
            };
            log.say(priority, warning.function, &warning.text);
        }
        Some(Rc::new(Self {
            dirname: c_text(dir.as_os_str().as_encoded_bytes()),
            dir,
            config,
            config_stamps,
            texts: Default::default(),
            resources: Resources::default(),
            kernel,
            log,
            userdata: Cell::new(std::ptr::null()),
            modules: RefCell::default(),
        }))
    }

    /// The module directory, absolute.
    pub fn dirname(&self) -> &CStr {
        &self.dirname
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn resolver<'a>(&'a self, database: &'a Database) -> Resolver<'a> {
        Resolver { database, config: &self.config }
    }

    /// The object of a module: the one in use, or a new one.
    pub(crate) fn module(self: &Rc<Self>, target: Target) -> Rc<Module> {
        let key = key(&target);
        let known = self.modules.borrow().get(&key).and_then(Weak::upgrade);
        match known {
            Some(module) => {
                module.learn_path(target.path.as_deref());
                module
            }
            None => {
                let module = Rc::new(Module::new(Rc::clone(self), target));
                self.modules.borrow_mut().insert(key, Rc::downgrade(&module));
                module
            }
        }
    }

    /// The object in use of a module, if there is one.
    pub(crate) fn known(&self, target: &Target) -> Option<Rc<Module>> {
        self.modules.borrow().get(&key(target)).and_then(Weak::upgrade)
    }

    /// A module's object is gone.
    pub(crate) fn forget(&self, target: &Target) {
        self.modules.borrow_mut().remove(&key(target));
    }
}

fn key(target: &Target) -> Key {
    (target.name.as_bytes().to_vec(), target.alias.clone())
}

fn directory(dirname: Option<&[u8]>, kernel: &dyn Kernel) -> Option<PathBuf> {
    match dirname {
        None => Some(Path::new(MODULE_DIRECTORY).join(kernel.release().ok()?)),
        Some(path) => komod_file::from_here(Path::new(OsStr::from_bytes(path))).ok(),
    }
}
