//! What the running kernel says of a module, and taking one out of it.

use std::io;

use komod_kernel::{Errno, InitState};
use komod_name::ModuleName;

use crate::text::{c_text, errno_of, errno_text};
use crate::{Item, Module};

/// What a module is doing, as C numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Part of the kernel image.
    Builtin = 0,
    /// Loaded and running.
    Live = 1,
    /// On its way in.
    Coming = 2,
    /// On its way out.
    Going = 3,
}

impl Module {
    /// What it is doing.
    ///
    /// # Errors
    /// ENOENT when it is not in the kernel; EINVAL when the kernel says what nobody
    /// knows.
    pub fn state(&self) -> Result<State, Errno> {
        if self.is_builtin() {
            return Ok(State::Builtin);
        }
        match self.context().kernel.state(self.module_name().as_bytes()) {
            Ok(Some(InitState::Live)) => Ok(State::Live),
            Ok(Some(InitState::Coming)) => Ok(State::Coming),
            Ok(Some(InitState::Going)) => Ok(State::Going),
            Ok(None) => Err(Errno::ENOENT),
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    self.context().log.error("kmod_module_get_initstate", &error);
                }
                Err(errno_of(&error))
            }
        }
    }

    /// How many references to it are held.
    ///
    /// # Errors
    /// ENOENT when it has no count: not loaded, or a kernel that cannot unload.
    pub fn refcnt(&self) -> Result<i64, Errno> {
        let count = self.context().kernel.refcnt(self.module_name().as_bytes());
        count.map_err(|error| errno_of(&error))?.ok_or(Errno::ENOENT)
    }

    /// How much memory it holds, in bytes.
    ///
    /// # Errors
    /// ENOENT when it is not loaded.
    pub fn size(&self) -> Result<u64, Errno> {
        let name = self.module_name().as_bytes();
        if let Ok(Some(size)) = self.context().kernel.core_size(name) {
            return Ok(size);
        }
        let loaded = self.context().kernel_list("kmod_module_get_size")?;
        let line = loaded.iter().find(|module| module.name == name);
        line.map(|module| module.size).ok_or(Errno::ENOENT)
    }

    /// The modules that use it; none when it is not loaded, which is told.
    pub fn holders(&self) -> Vec<Item> {
        let (context, name) = (self.context(), self.module_name());
        match context.kernel.holders(name.as_bytes()) {
            Ok(names) => {
                let named = |name: Vec<u8>| Item::Module(context.named(ModuleName::new(&name)));
                names.into_iter().map(named).collect()
            }
            Err(error) => self.not_opened("kmod_module_get_holders", "holders", &error),
        }
    }

    /// Where its sections are; none when it is not loaded or the kernel does not say,
    /// which is told.
    pub fn sections(&self) -> Vec<Item> {
        match self.context().kernel.sections(self.module_name().as_bytes()) {
            Ok(sections) => sections
                .into_iter()
                .map(|(name, address)| Item::Section { name: c_text(&name), address })
                .collect(),
            Err(error) => self.not_opened("kmod_module_get_sections", "sections", &error),
        }
    }

    fn not_opened(&self, function: &str, what: &str, error: &io::Error) -> Vec<Item> {
        let (name, why) = (self.module_name(), errno_text(errno_of(error)));
        self.context()
            .log
            .error(function, format_args!("could not open '/sys/module/{name}/{what}': {why}"));
        Vec::new()
    }

    /// Takes it, and nothing else, out of the kernel, in spite of users when `force`.
    ///
    /// # Errors
    /// The kernel's errno, which is told unless `silent`.
    pub fn remove(&self, force: bool, silent: bool) -> Result<(), Errno> {
        let removed = self.context().kernel.delete_module(self.name(), force);
        removed.inspect_err(|&errno| {
            if !silent {
                let (name, why) = (self.module_name(), errno_text(errno));
                self.context().log.error(
                    "kmod_module_remove_module",
                    format_args!("could not remove '{name}': {why}"),
                );
            }
        })
    }
}
