use std::collections::HashSet;
use std::time::Duration;

use komod_config::Origin;
use komod_kernel::Kernel;
use komod_name::ModuleName;

use crate::CommandLine;
use crate::lookups::Lookups;
use crate::{Resolver, Target};

/// How a module is to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovalRequest {
    /// Remove also a module that the kernel thinks is used or not safe to
    /// remove.
    pub force: bool,
    /// How long to try again while the module is used. Then nothing asks
    /// beforehand whether it is.
    pub wait: Option<Duration>,
    /// Leave out `remove` commands and soft dependencies.
    pub ignore_commands: bool,
    /// Remove first whatever uses the module, and whatever uses that.
    pub remove_holders: bool,
    /// Plan as if everything were loaded and nothing used.
    pub ignore_loaded: bool,
    /// It is an error when the module asked for is not loaded.
    pub first_time: bool,
}

/// What one step of a [`RemovalPlan`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalAction {
    /// Take the module out of the kernel.
    Unload,
    /// Take out a module that the one before needed, if nothing uses it by
    /// then.
    UnloadUnused,
    /// Run a `remove` command in place of that.
    Run {
        /// The command as it is run.
        command: Vec<u8>,
        /// The line that says so.
        origin: Origin,
    },
    /// Nothing to do: the module is not loaded.
    NotLoaded,
    /// Fails: the module is part of the kernel image.
    Builtin,
    /// Fails: the module is used.
    InUse,
}

/// One step of a [`RemovalPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalStep {
    /// The module the step is about.
    pub module: ModuleName,
    /// What is done.
    pub action: RemovalAction,
    /// The index of the step to go on with when this one fails; `None` when
    /// the plan then ends.
    pub on_failure: Option<usize>,
}

/// How one module gets out of the kernel: the steps, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalPlan {
    /// The module asked for.
    pub target: Target,
    /// What to do, in order.
    pub steps: Vec<RemovalStep>,
    /// The kernel is told to remove in spite of users.
    pub force: bool,
    /// How long to try again while a module is used.
    pub wait: Option<Duration>,
    /// Whether it is an error when the module asked for is not loaded.
    pub first_time: bool,
    /// Soft dependencies that no lookup can be made for. They are left out.
    pub unreadable: Vec<Vec<u8>>,
}

/// Plans how `target` gets out of the kernel. Nothing is changed.
///
/// First go its `post` soft dependencies, last one first, and when asked for
/// its holders, each after its own; then the module; then all that it needed
/// and nothing else uses, nearest first; then its `pre` soft dependencies.
/// Whether something is used is counted as it will be then: what the plan has
/// taken out uses nothing.
pub fn plan_removal(
    resolver: &Resolver<'_>,
    kernel: &dyn Kernel,
    target: &Target,
    request: &RemovalRequest,
) -> RemovalPlan {
    let mut walk = Walk {
        resolver,
        kernel,
        request,
        begun: HashSet::new(),
        ahead: Vec::new(),
        gone: HashSet::new(),
        steps: Vec::new(),
        lookups: Lookups::new(),
    };
    walk.remove(target, 0);
    RemovalPlan {
        target: target.clone(),
        steps: walk.steps,
        force: request.force,
        wait: request.wait,
        first_time: request.first_time,
        unreadable: walk.lookups.unreadable,
    }
}

/// Soft dependencies and holders nested deeper than any kernel's are left
/// alone: they are a mistake in the configuration.
const DEEPEST: usize = 500;

struct Walk<'a> {
    resolver: &'a Resolver<'a>,
    kernel: &'a dyn Kernel,
    request: &'a RemovalRequest,
    /// Modules that have been planned or are being planned: loops end here.
    begun: HashSet<ModuleName>,
    /// Modules whose own step is still to come, the nearest last.
    ahead: Vec<ModuleName>,
    /// Modules that are out of the kernel when the plan has come this far.
    gone: HashSet<ModuleName>,
    steps: Vec<RemovalStep>,
    lookups: Lookups,
}

impl Walk<'_> {
    /// Plans the removal of `target` and what goes with it. False when the
    /// plan as it stands fails there.
    fn remove(&mut self, target: &Target, depth: usize) -> bool {
        let name = &target.name;
        if depth > DEEPEST || !self.begun.insert(name.clone()) {
            return true;
        }
        let (pre, post) = self.soft_dependencies(name);
        let command = self.remove_command(target);
        if command.is_none() && !self.request.ignore_loaded && !self.gone.contains(name) {
            if target.is_builtin(self.resolver.database) {
                if depth == 0 {
                    self.push(name, RemovalAction::Builtin);
                }
                return depth != 0;
            }
            if !matches!(self.kernel.state(name.as_bytes()), Ok(Some(_))) {
                if depth == 0 {
                    self.push(name, RemovalAction::NotLoaded);
                }
                return true;
            }
        }
        self.ahead.push(name.clone());
        self.optional(&post, depth);
        let free = !self.request.remove_holders || self.holders_first(name, depth);
        self.ahead.pop();
        if !free {
            return false;
        }
        match command {
            Some(run) => {
                self.push(name, run);
                self.gone.insert(name.clone());
            }
            // Something that needed it has taken it along.
            None if self.gone.contains(name) => {}
            None => {
                let asks = !self.request.ignore_loaded && self.request.wait.is_none();
                if asks && self.refcnt(name).is_some_and(|count| count > 0) {
                    self.push(name, RemovalAction::InUse);
                    return false;
                }
                self.push(name, RemovalAction::Unload);
                self.gone.insert(name.clone());
                self.unused_dependencies(name);
            }
        }
        self.optional(&pre, depth);
        true
    }

    /// Plans `targets` from the last to the first; that one fails concerns
    /// nobody else.
    fn optional(&mut self, targets: &[Target], depth: usize) {
        for target in targets.iter().rev() {
            let start = self.steps.len();
            self.remove(target, depth.saturating_add(1));
            let end = self.steps.len();
            for step in self.steps.iter_mut().skip(start) {
                step.on_failure.get_or_insert(end);
            }
        }
    }

    fn holders_first(&mut self, name: &ModuleName, depth: usize) -> bool {
        let holders = self.kernel.holders(name.as_bytes()).unwrap_or_default();
        holders.iter().rev().all(|holder| {
            let name = ModuleName::new(holder);
            let target = Target { name, alias: None, path: None, source: crate::Source::Name };
            self.remove(&target, depth.saturating_add(1))
        })
    }

    /// What `name` needed: the line of `modules.dep` has the nearest first, so
    /// that each is asked after all its users.
    fn unused_dependencies(&mut self, name: &ModuleName) {
        for path in self.resolver.database.dependencies(name) {
            let name = Target::of_file(path).name;
            let done = self.gone.contains(&name) || self.ahead.contains(&name);
            if !done && self.refcnt(&name) == Some(0) {
                let next = self.steps.len().saturating_add(1);
                self.push(&name, RemovalAction::UnloadUnused);
                if let Some(step) = self.steps.last_mut() {
                    step.on_failure = Some(next);
                }
                self.gone.insert(name);
            }
        }
    }

    /// How many references to `name` are left when the plan has come this far;
    /// `None` when it has no count.
    fn refcnt(&self, name: &ModuleName) -> Option<i64> {
        let count = self.kernel.refcnt(name.as_bytes()).ok().flatten()?;
        let holders = self.kernel.holders(name.as_bytes()).unwrap_or_default();
        let gone = holders.iter().filter(|holder| self.gone.contains(holder.as_slice())).count();
        Some(count.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX)))
    }

    fn soft_dependencies(&mut self, name: &ModuleName) -> (Vec<Target>, Vec<Target>) {
        match self.resolver.config.softdep_for(name.as_bytes()) {
            Some(line) if !self.request.ignore_commands => {
                let pre = self.lookups.all(self.resolver, line.pre());
                (pre, self.lookups.all(self.resolver, line.post()))
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    fn remove_command(&self, target: &Target) -> Option<RemovalAction> {
        if self.request.ignore_commands {
            return None;
        }
        let line = target.remove_command(self.resolver.config)?;
        let command = CommandLine::new(&line.command, b"").text;
        Some(RemovalAction::Run { command, origin: line.origin.clone() })
    }

    fn push(&mut self, name: &ModuleName, action: RemovalAction) {
        self.steps.push(RemovalStep { module: name.clone(), action, on_failure: None });
    }
}

#[cfg(test)]
mod tests {
    use komod_kernel::Recorder;

    use super::*;
    use crate::world::{World, chain, sketch_removal};

    const DEP: [&str; 5] = ["a.ko: b.ko c.ko", "b.ko: c.ko", "c.ko:", "s.ko:", "d.ko: c.ko"];

    #[track_caller]
    fn check(config: &str, kernel: &Recorder, text: &str, request: &RemovalRequest, steps: &str) {
        let config = format!("{config}softdep a pre: nobody\n");
        let world = World::new(&DEP, &[], &["built"], &config);
        assert_eq!(sketch_removal(&world.removal(kernel, text, request)), steps);
        assert!(kernel.calls().is_empty());
    }

    #[test]
    fn all_that_becomes_unused_goes_nearest_first() {
        check("", &chain(), "a", &RemovalRequest::default(), "a b?>2 c?>3");
    }

    #[test]
    fn what_something_else_uses_stays() {
        let kernel = chain().with_loaded("d").with_uses("d", &["c"]);
        check("", &kernel, "a", &RemovalRequest::default(), "a b?>2");
    }

    #[test]
    fn what_is_used_is_refused_unless_there_is_time_to_wait() {
        let request = RemovalRequest::default();
        check("", &chain(), "b", &request, "b:used");
        let wait = RemovalRequest { wait: Some(Duration::from_secs(1)), ..request };
        check("", &chain(), "b", &wait, "b");
    }

    #[test]
    fn holders_go_first_all_the_way_up() {
        let request = RemovalRequest { remove_holders: true, ..RemovalRequest::default() };
        check("", &chain(), "c", &request, "a b c");
        check("", &chain(), "b", &request, "a b c?>3");
        // d is used by something that is no module.
        let kernel = chain().with_loaded("d").with_loaded("x").with_uses("x", &["d"]);
        let kernel = kernel.with_uses("d", &["c"]);
        check("", &kernel, "c", &request, "a b x d c");
    }

    #[test]
    fn soft_dependencies_go_in_reverse_and_may_fail() {
        let config = "softdep a pre: s b post: c d\n";
        let kernel = chain().with_loaded("d");
        check(config, &kernel, "a", &RemovalRequest::default(), "d>1 c:used>2 a b?>4 c?>5 s>6");
        let ignoring = RemovalRequest { ignore_commands: true, ..RemovalRequest::default() };
        check(config, &kernel, "a", &ignoring, "a b?>2 c?>3");
    }

    #[test]
    fn loops_end() {
        let config = "softdep s pre: d post: s\nsoftdep d post: s\n";
        let kernel = chain().with_loaded("d");
        check(config, &kernel, "s", &RemovalRequest::default(), "s d>2");
    }

    #[test]
    fn a_remove_command_runs_whatever_the_kernel_says() {
        let config = "remove [ab] echo $CMDLINE_OPTS;\nremove none x\n";
        let world = World::new(&DEP, &[], &["built"], config);
        let request = RemovalRequest::default();
        let plan = world.removal(&chain(), "b", &request);
        assert_eq!(sketch_removal(&plan), "!b");
        assert!(matches!(
            &plan.steps[0].action,
            RemovalAction::Run { command, .. } if command == b"echo ;"
        ));
        check(config, &chain(), "none", &request, "!none");
        let ignoring = RemovalRequest { ignore_commands: true, ..request };
        check(config, &chain(), "b", &ignoring, "b:used");
    }

    #[test]
    fn what_cannot_be_removed_is_known_beforehand() {
        let request = RemovalRequest::default();
        check("", &chain(), "d", &request, "d:absent");
        check("", &chain(), "built", &request, "built:builtin");
        check("softdep s pre: built d\n", &chain(), "s", &request, "s");
    }

    #[test]
    fn ignoring_what_is_loaded_asks_nothing() {
        let request = RemovalRequest { ignore_loaded: true, ..RemovalRequest::default() };
        let kernel = Recorder::new("6");
        check("softdep s pre: d built\n", &kernel, "s", &request, "s built>2 d>3");
        check("", &chain(), "b", &request, "b");
    }
}
