use std::thread::sleep;
use std::time::{Duration, Instant};

use komod_kernel::{Errno, Kernel};
use komod_name::ModuleName;

use crate::load::c_string;
use crate::{RemovalAction, RemovalPlan, RemovalStep, Shell, Status};

/// What happens while a removal is carried out.
#[derive(Debug)]
pub enum RemovalEvent<'a> {
    /// This step is tried next. One that has nothing to do is not.
    Starting(&'a RemovalStep),
    /// A step failed. The plan goes on elsewhere when it does not end the plan.
    Failed {
        /// Why.
        failure: &'a RemovalFailure,
        /// Whether the plan ends here.
        ends_plan: bool,
    },
}

/// Why a step of a removal failed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalFailure {
    /// The module asked for is not loaded, and should be.
    #[error("module {0} is not in the kernel")]
    NotLoaded(ModuleName),
    /// The module is part of the kernel image.
    #[error("module {0} is built in")]
    Builtin(ModuleName),
    /// The module is used.
    #[error("module {0} is in use")]
    InUse(ModuleName),
    /// The kernel refused.
    #[error("module {module}: {errno}")]
    Kernel {
        /// The module.
        module: ModuleName,
        /// Why.
        errno: Errno,
    },
    /// A `remove` command did not succeed.
    #[error("the remove command of module {module} failed")]
    Command {
        /// The module.
        module: ModuleName,
        /// How the command ended.
        status: Status,
    },
}

/// Carries `plan` out: tries its steps in order.
///
/// A module that is gone when its turn comes is done. With a time to wait,
/// a module that is used is tried again, after 1 ms first and twice as long
/// each time, until that time is over.
///
/// # Errors
/// The failure that ended the plan; `observe` has seen it, and those that did
/// not.
pub fn remove(
    plan: &RemovalPlan,
    kernel: &dyn Kernel,
    shell: &Shell,
    observe: &mut dyn FnMut(RemovalEvent<'_>),
) -> Result<(), RemovalFailure> {
    walk(plan, observe, |step, observe| attempt(step, plan, kernel, shell, observe))
}

/// Goes through `plan` as [`remove`] does and changes nothing: what is known
/// beforehand to fail, fails.
///
/// # Errors
/// As for [`remove`].
pub fn rehearse_removal(
    plan: &RemovalPlan,
    observe: &mut dyn FnMut(RemovalEvent<'_>),
) -> Result<(), RemovalFailure> {
    walk(plan, observe, |step, observe| {
        if !known_beforehand(step, plan)? {
            observe(RemovalEvent::Starting(step));
        }
        Ok(())
    })
}

fn walk<'o>(
    plan: &RemovalPlan,
    observe: &mut (dyn FnMut(RemovalEvent<'_>) + 'o),
    mut attempt: impl FnMut(
        &RemovalStep,
        &mut (dyn FnMut(RemovalEvent<'_>) + 'o),
    ) -> Result<(), RemovalFailure>,
) -> Result<(), RemovalFailure> {
    let mut at = 0;
    while let Some(step) = plan.steps.get(at) {
        at += 1;
        if let Err(failure) = attempt(step, observe) {
            let ends_plan = step.on_failure.is_none();
            observe(RemovalEvent::Failed { failure: &failure, ends_plan });
            match step.on_failure {
                Some(next) => at = at.max(next),
                None => return Err(failure),
            }
        }
    }
    Ok(())
}

/// Whether the step is done without doing anything.
fn known_beforehand(step: &RemovalStep, plan: &RemovalPlan) -> Result<bool, RemovalFailure> {
    let module = || step.module.clone();
    match step.action {
        RemovalAction::NotLoaded if plan.first_time => Err(RemovalFailure::NotLoaded(module())),
        RemovalAction::NotLoaded => Ok(true),
        RemovalAction::Builtin => Err(RemovalFailure::Builtin(module())),
        RemovalAction::InUse => Err(RemovalFailure::InUse(module())),
        _ => Ok(false),
    }
}

fn attempt(
    step: &RemovalStep,
    plan: &RemovalPlan,
    kernel: &dyn Kernel,
    shell: &Shell,
    observe: &mut dyn FnMut(RemovalEvent<'_>),
) -> Result<(), RemovalFailure> {
    if known_beforehand(step, plan)? {
        return Ok(());
    }
    let name = step.module.as_bytes();
    match &step.action {
        RemovalAction::Run { command, .. } => {
            observe(RemovalEvent::Starting(step));
            match shell.run(command, &step.module) {
                Status::Success => Ok(()),
                status => Err(RemovalFailure::Command { module: step.module.clone(), status }),
            }
        }
        RemovalAction::UnloadUnused if kernel.refcnt(name).ok().flatten() != Some(0) => Ok(()),
        _ => {
            observe(RemovalEvent::Starting(step));
            unload(step, plan, kernel)
        }
    }
}

fn unload(
    step: &RemovalStep,
    plan: &RemovalPlan,
    kernel: &dyn Kernel,
) -> Result<(), RemovalFailure> {
    let name = c_string(step.module.as_bytes());
    // Only what was asked for is worth waiting for.
    let waits = step.action == RemovalAction::Unload;
    let wait = plan.wait.filter(|_| waits).unwrap_or_default();
    let begin = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let errno = match kernel.delete_module(&name, plan.force) {
            Ok(()) => return Ok(()),
            Err(errno) => errno,
        };
        let left = wait.saturating_sub(begin.elapsed());
        match errno {
            Errno::EAGAIN if !left.is_zero() => {
                sleep(pause.min(left));
                pause = pause.saturating_mul(2);
            }
            // Somebody else was faster.
            Errno::ENOENT if plan.first_time && step.module == plan.target.name => {
                return Err(RemovalFailure::NotLoaded(step.module.clone()));
            }
            Errno::ENOENT => return Ok(()),
            errno => return Err(RemovalFailure::Kernel { module: step.module.clone(), errno }),
        }
    }
}
