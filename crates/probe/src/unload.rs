use std::thread::sleep;
use std::time::{Duration, Instant};

use komod_kernel::{Errno, Kernel};
use komod_name::ModuleName;

use crate::load::c_string;
use crate::{CommandLine, Commands, RemovalAction, RemovalPlan, RemovalStep, Shell, Status};

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
        at = at.saturating_add(1);
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
            match shell.run(&CommandLine::new(command, b""), &step.module) {
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
    // What has merely become unused is not waited for.
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

#[cfg(test)]
mod tests {
    use komod_kernel::{Call, Recorder};

    use super::*;
    use crate::RemovalRequest;
    use crate::world::{World, chain};

    const DEP: [&str; 4] = ["a.ko: b.ko c.ko", "b.ko: c.ko", "c.ko:", "s.ko:"];

    fn run(
        config: &str,
        kernel: &Recorder,
        text: &str,
        request: &RemovalRequest,
    ) -> (bool, Vec<String>) {
        let config = format!("{config}softdep a pre: nobody\n");
        let world = World::new(&DEP, &[], &["built"], &config);
        let plan = world.removal(kernel, text, request);
        let mut told = Vec::new();
        let result = remove(&plan, kernel, &Shell::default(), &mut |event| {
            told.push(match event {
                RemovalEvent::Starting(step) => format!("start {}", step.module),
                RemovalEvent::Failed { failure, ends_plan } => {
                    format!("{failure}{}", if ends_plan { "!" } else { "" })
                }
            });
        });
        (result.is_ok(), told)
    }

    fn deleted(kernel: &Recorder) -> Vec<String> {
        let calls = kernel.calls().into_iter();
        calls
            .map(|call| match call {
                Call::Delete(name, false) => name,
                Call::Delete(name, true) => format!("{name} by force"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_chain_goes_completely() {
        let kernel = chain();
        let (done, told) = run("", &kernel, "a", &RemovalRequest::default());
        assert_eq!(
            (done, told),
            (true, vec!["start a".into(), "start b".into(), "start c".into()])
        );
        assert_eq!(deleted(&kernel), ["a", "b", "c"]);
    }

    #[test]
    fn holders_go_first_by_force_if_asked() {
        let kernel = chain();
        let request =
            RemovalRequest { remove_holders: true, force: true, ..RemovalRequest::default() };
        assert!(run("", &kernel, "c", &request).0);
        assert_eq!(deleted(&kernel), ["a by force", "b by force", "c by force"]);
    }

    #[test]
    fn what_is_not_there_is_done_or_an_error_the_first_time() {
        let first = RemovalRequest { first_time: true, ..RemovalRequest::default() };
        let none = Recorder::new("6");
        assert_eq!(run("", &none, "s", &RemovalRequest::default()), (true, vec![]));
        let told = vec!["module s is not in the kernel!".into()];
        assert_eq!(run("", &none, "s", &first), (false, told));
        // Gone between plan and call.
        let gone = || chain().refusing("s", Errno::ENOENT, 1);
        assert!(run("", &gone(), "s", &RemovalRequest::default()).0);
        assert!(!run("", &gone(), "s", &first).0);
    }

    #[test]
    fn users_and_code_of_the_kernel_are_refused_without_a_call() {
        let kernel = chain();
        let request = RemovalRequest::default();
        let told = |text: &str| (false, vec![text.to_string()]);
        assert_eq!(run("", &kernel, "b", &request), told("module b is in use!"));
        assert_eq!(run("", &kernel, "built", &request), told("module built is built in!"));
        assert!(kernel.calls().is_empty());
    }

    #[test]
    fn a_refusal_ends_the_plan_unless_it_was_a_soft_dependency() {
        let kernel = chain().refusing("a", Errno::EBUSY, 1);
        let (done, told) = run("", &kernel, "a", &RemovalRequest::default());
        assert_eq!((done, told.len()), (false, 2));
        assert_eq!(deleted(&kernel), ["a"]);
        let kernel = chain().refusing("s", Errno::EBUSY, 1).refusing("b", Errno::EBUSY, 1);
        let (done, told) = run("softdep a post: c s\n", &kernel, "a", &RemovalRequest::default());
        assert!(done, "{told:?}");
        assert_eq!(
            told,
            [
                "start s",
                "module s: EBUSY: Device or resource busy",
                "module c is in use",
                "start a",
                "start b",
                "module b: EBUSY: Device or resource busy"
            ]
        );
        // c is still used by b.
        assert_eq!(deleted(&kernel), ["s", "a", "b"]);
    }

    #[test]
    fn a_module_in_use_is_tried_again_while_there_is_time() {
        let wait = Some(Duration::from_secs(60));
        let request = RemovalRequest { wait, ..RemovalRequest::default() };
        let kernel = chain().refusing("s", Errno::EAGAIN, 3);
        assert!(run("", &kernel, "s", &request).0);
        assert_eq!(deleted(&kernel), ["s"; 4]);
        let wait = Some(Duration::from_millis(5));
        let request = RemovalRequest { wait, ..RemovalRequest::default() };
        let kernel = chain().refusing("s", Errno::EAGAIN, 100);
        let (done, told) = run("", &kernel, "s", &request);
        assert!(!done);
        assert!(told[1].starts_with("module s: EAGAIN"), "{told:?}");
        // After 1, 2 and the rest: at most three pauses.
        assert!((2..=4).contains(&kernel.calls().len()));
        // Any other error is final.
        let kernel = chain().refusing("s", Errno::EBUSY, 1);
        assert!(!run("", &kernel, "s", &request).0);
        assert_eq!(kernel.calls().len(), 1);
    }

    #[test]
    fn commands_run_in_place_of_the_call() {
        let kernel = chain();
        let config = "remove s test $MODPROBE_MODULE = s\nremove c exit 2\n";
        assert!(run(config, &kernel, "s", &RemovalRequest::default()).0);
        let told = vec!["start c".into(), "the remove command of module c failed!".into()];
        assert_eq!(run(config, &kernel, "c", &RemovalRequest::default()), (false, told));
        assert!(kernel.calls().is_empty());
    }

    #[test]
    fn a_rehearsal_tells_the_same_and_calls_nothing() {
        let kernel = chain();
        let world = World::new(&DEP, &[], &[], "softdep a pre: nobody post: c\n");
        let plan = world.removal(&kernel, "a", &RemovalRequest::default());
        let mut told = Vec::new();
        let result = rehearse_removal(&plan, &mut |event| {
            told.push(match event {
                RemovalEvent::Starting(step) => step.module.to_string(),
                RemovalEvent::Failed { failure, .. } => failure.to_string(),
            });
        });
        assert!(result.is_ok());
        assert_eq!(told, ["module c is in use", "a", "b", "c"]);
        assert!(kernel.calls().is_empty());
    }
}
