use std::path::Path;

use komod_kernel::{Errno, InitState, Kernel};
use komod_name::ModuleName;

use crate::command::with_options;
use crate::load::load_file;
use crate::{Action, LoadError, Plan, Shell, Status, Step};

/// What happens while a plan is carried out, for those who want to tell.
#[derive(Debug)]
pub enum Event<'a> {
    /// This step is tried next. A step whose module is loaded by now is not.
    Starting(&'a Step),
    /// There is no file for this module.
    NoFile(&'a ModuleName),
    /// The kernel refused the compressed file, which decompresses well here:
    /// it is tried again from memory.
    FromMemory {
        /// The module's file.
        path: &'a Path,
    },
    /// A file did not get into the kernel.
    LoadFailed(&'a LoadError),
    /// An `install` command did not succeed.
    CommandFailed {
        /// The module it ran for.
        module: &'a ModuleName,
        /// The command as it was run.
        command: &'a [u8],
        /// How it ended.
        status: &'a Status,
    },
}

/// Why a plan was not carried out to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The module asked for is in the kernel already, and should not be.
    #[error("already in the kernel")]
    AlreadyLoaded,
    /// There is no file for a module.
    #[error("no file for module {0}")]
    Missing(ModuleName),
    /// A file did not get into the kernel.
    #[error(transparent)]
    Load(LoadError),
    /// An `install` command did not succeed.
    #[error("the install command of module {0} failed")]
    Command(ModuleName),
}

impl Failure {
    /// The reason as errno, as kmod reports it.
    pub fn raw_os_error(&self) -> i32 {
        match self {
            Failure::AlreadyLoaded => Errno::EEXIST as i32,
            Failure::Missing(_) => Errno::ENOENT as i32,
            Failure::Load(error) => error.raw_os_error(),
            Failure::Command(_) => Errno::EINVAL as i32,
        }
    }
}

/// Carries `plan` out: tries its steps in order and asks again before each
/// whether the module is loaded by now.
///
/// A step that is not required may fail. What was loaded stays loaded when a
/// later step fails.
///
/// # Errors
/// The first failure of a required step. That a module turns out to be loaded
/// already is one only for the module asked for, and only where the plan says
/// so.
pub fn execute(
    plan: &Plan,
    kernel: &dyn Kernel,
    shell: &Shell,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    for step in &plan.steps {
        let result = match attempt(step, plan, kernel, shell, observe) {
            Err(failure) if failure.raw_os_error() == Errno::EEXIST as i32 => {
                if step.top && plan.first_time { Err(Failure::AlreadyLoaded) } else { Ok(()) }
            }
            Err(_) if !step.required => Ok(()),
            other => other,
        };
        result?;
    }
    Ok(())
}

fn attempt(
    step: &Step,
    plan: &Plan,
    kernel: &dyn Kernel,
    shell: &Shell,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    match step.action {
        Action::Skipped { .. } => return Ok(()),
        Action::Builtin | Action::AlreadyLoaded => return Err(Failure::AlreadyLoaded),
        _ => {}
    }
    let name = &step.module;
    if matches!(kernel.state(name.as_bytes()), Ok(Some(InitState::Live))) {
        return Err(Failure::AlreadyLoaded);
    }
    observe(Event::Starting(step));
    match &step.action {
        Action::Load { path, options } => {
            load_file(kernel, path, options, plan.force, observe).map_err(Failure::Load)
        }
        Action::Run { command, options, .. } => {
            let command = with_options(command, options);
            match shell.run(&command, name) {
                Status::Success => Ok(()),
                status => {
                    let command = command.as_slice();
                    observe(Event::CommandFailed { module: name, command, status: &status });
                    Err(Failure::Command(name.clone()))
                }
            }
        }
        _ => {
            observe(Event::NoFile(name));
            Err(Failure::Missing(name.clone()))
        }
    }
}
