use std::path::PathBuf;

use komod_config::{Deny, Origin};
use komod_name::ModuleName;

use crate::{Force, Target};

/// What one step of a [`Plan`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Hand the file to the kernel.
    Load {
        /// The module's file.
        path: PathBuf,
        /// Its parameters, as the kernel gets them.
        options: Vec<u8>,
    },
    /// Run an `install` command in place of loading.
    Run {
        /// The command as configured, `$CMDLINE_OPTS` unreplaced.
        command: Vec<u8>,
        /// What `$CMDLINE_OPTS` stands for.
        options: Vec<u8>,
        /// The line that says so.
        origin: Origin,
    },
    /// Nothing to do: the module is part of the kernel image. Only where the
    /// request ignores what is loaded; otherwise it counts as loaded.
    Builtin,
    /// Nothing to do: the module is in the kernel, loaded or built in.
    AlreadyLoaded,
    /// Nothing is done: the module is on the blacklist.
    Skipped {
        /// The line that says so.
        origin: Origin,
    },
    /// A `deny` line forbids it, or what it needs: a required step ends the plan, and then
    /// stands there alone; a soft dependency is left out with all that it needs.
    Denied {
        /// Whose line it is: the module of the step, or one that it needs.
        module: ModuleName,
        /// The line.
        line: Box<Deny>,
    },
    /// There is no such module, only something that names it. Carrying this out
    /// fails.
    Missing,
}

/// Why a step stands in a [`Plan`]: who wants its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Asked,
    /// The line of another module in `modules.dep` names it.
    Dependency {
        /// The index of the other module's step.
        of: usize,
    },
    /// The softdep line that holds for another module names it
    /// ([`komod_config::Config::softdep_for`]).
    Softdep {
        /// The index of the other module's step.
        of: usize,
    },
}

/// One step of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The module the step is about.
    pub module: ModuleName,
    /// The alias it was reached by, as [`Target::alias`].
    pub alias: Option<Vec<u8>>,
    /// What is done.
    pub action: Action,
    /// Whether the plan ends when this step fails: so for the module asked for
    /// and all that it needs. Soft dependencies may fail.
    pub required: bool,
    /// Whether this is the module asked for.
    pub top: bool,
    /// Who wants it.
    pub reason: Reason,
}

/// How one module gets into the kernel: the steps, in order.
///
/// A module may stand there twice; the second time it is loaded already when
/// the plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The module asked for.
    pub target: Target,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What the kernel is told to overlook in every file.
    pub force: Force,
    /// Whether every file goes to the kernel, though its module may be loaded.
    pub ignore_loaded: bool,
    /// Whether it is an error when the module asked for is loaded already.
    pub first_time: bool,
    /// Soft dependencies that no lookup can be made for: a bracket without its
    /// partner, or more than 262,144 words and modules before. They are left out.
    pub unreadable: Vec<Vec<u8>>,
}

impl Plan {
    /// Whether it is known before anything is done that the plan fails because
    /// the module asked for is in the kernel already.
    pub fn is_too_late(&self) -> bool {
        self.first_time
            && self.steps.iter().any(|step| step.top && step.action == Action::AlreadyLoaded)
    }
}
