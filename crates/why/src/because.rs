use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use komod_config::Origin;
use komod_name::ModuleName;

use crate::facts::KernelFacts;
use crate::situation_words::Depmod;
use crate::words::shown;

/// Why a module that another one needs is not loaded for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// An `install` line runs a command in its place.
    Command {
        /// The command.
        command: Vec<u8>,
        /// The line.
        origin: Origin,
    },
    /// `modules.dep` does not name it for the other one.
    NotListed {
        /// The module that needs it.
        by: ModuleName,
        /// The directory of the index.
        directory: PathBuf,
    },
}

impl Because {
    /// Why `module` is not loaded for the module in the file `by`; `None` if nothing is
    /// known to keep it away, or the file is not the one that the index lists.
    pub(crate) fn of(module: &ModuleName, by: &Path, kernel: &KernelFacts<'_>) -> Option<Self> {
        let install = kernel.config().and_then(|config| config.install_for(module.as_bytes()));
        if let Some(line) = install {
            let (command, origin) = (line.command.clone(), line.origin.clone());
            return Some(Self::Command { command, origin });
        }
        let name = ModuleName::of_path(by.as_os_str().as_encoded_bytes());
        let database = kernel.database();
        let is_own = database.path_of(&name).as_deref() == Some(by);
        let directory = database.dir().to_owned();
        let is_listed = || Self::is_listed(module, &name, kernel);
        (is_own && !is_listed()).then(|| Self::NotListed { by: name.clone(), directory })
    }

    /// Whether the index names `module` for the module called `by`.
    pub(crate) fn is_listed(
        module: &ModuleName,
        by: &ModuleName,
        kernel: &KernelFacts<'_>,
    ) -> bool {
        let needed = kernel.database().dependencies(by);
        let path = kernel.database().path_of(module);
        path.is_some_and(|path| needed.contains(&path))
    }

    /// Writes what helps to have `module` loaded.
    pub(crate) fn cure(because: Option<&Self>, module: &ModuleName) -> String {
        match because {
            None => format!("modprobe {module}"),
            Some(Self::Command { .. }) => format!("modprobe -i {module}"),
            Some(Self::NotListed { directory, .. }) => Depmod(directory).to_string(),
        }
    }
}

impl Display for Because {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { command, origin } => {
                write!(f, "{origin} runs '{}' in its place", shown(command))
            }
            Self::NotListed { by, .. } => {
                write!(f, "modules.dep is older, and does not name it for {by}")
            }
        }
    }
}
