use std::collections::{BTreeMap, BTreeSet};

use komod_config::Config;
use komod_kernel::{InitState, Kernel};
use komod_name::ModuleName;

use crate::deny::Guard;
use crate::lookups::Lookups;
use crate::{Action, Force, Plan, Reason, Resolver, Step, Target};

/// Whom the blacklist holds back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Blacklist {
    /// Nobody.
    Ignored,
    /// What was asked for by an alias.
    #[default]
    Aliases,
    /// Also what was asked for by its own name.
    Names,
}

/// How a module is to be loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Parameters for the module asked for, behind the configured ones.
    pub options: Vec<u8>,
    /// What the kernel is told to overlook.
    pub force: Force,
    /// Leave out the `install` command and the soft dependencies of the module
    /// asked for; those of its dependencies stay.
    pub ignore_commands: bool,
    /// Whether the blacklist holds back the module asked for; its dependencies it never
    /// does.
    pub blacklist: Blacklist,
    /// Plan as if nothing were loaded or built in.
    pub ignore_loaded: bool,
    /// It is an error when the module is in the kernel already.
    pub first_time: bool,
    /// `deny` lines do not count.
    pub ignore_deny: bool,
}

/// Plans how `target` gets into the kernel. Nothing is changed; `kernel` is
/// asked only what is loaded.
///
/// Dependencies come deepest first, each between its soft dependencies, then
/// the module between its own. The first matching `softdep` and `install` line
/// of a module counts; an administrator's `softdep` beats the module's own.
/// A `deny` line for the module or for one that it needs leaves one step,
/// [`Action::Denied`]; what is in the kernel already is not denied.
pub fn plan_insert(
    resolver: &Resolver<'_>,
    kernel: &dyn Kernel,
    target: &Target,
    request: &Request,
) -> Plan {
    let mut plan = Plan {
        target: target.clone(),
        steps: Vec::new(),
        force: request.force,
        ignore_loaded: request.ignore_loaded,
        first_time: request.first_time,
        unreadable: Vec::new(),
    };
    let only = |action| {
        let (module, alias) = (target.name.clone(), target.alias.clone());
        Step { module, alias, action, required: true, top: true, reason: Reason::Asked }
    };
    if !request.ignore_loaded && in_kernel(resolver, kernel, target) {
        plan.steps.push(only(Action::AlreadyLoaded));
        return plan;
    }
    let guard = Guard::new(resolver, kernel, request);
    if let Some(denied) = guard.as_ref().and_then(|guard| guard.by(target)) {
        plan.steps.push(only(denied));
        return plan;
    }
    let held_back = match request.blacklist {
        Blacklist::Ignored => false,
        Blacklist::Aliases => target.alias.is_some(),
        Blacklist::Names => true,
    };
    let blacklist = resolver.config.blacklist_for(target.name.as_bytes());
    if let Some(line) = blacklist.filter(|_| held_back) {
        plan.steps.push(only(Action::Skipped { origin: line.origin.clone() }));
        return plan;
    }
    let mut walk = Walk::new(resolver, guard);
    walk.list(target, request.ignore_commands);
    plan.unreadable = walk.lookups.unreadable;
    for (number, mut entry) in walk.entries.into_iter().enumerate() {
        let top = entry.target.name == target.name && entry.target.alias == target.alias;
        // The target itself has been asked for already.
        let action = if !top && !request.ignore_loaded && in_kernel(resolver, kernel, &entry.target)
        {
            Action::AlreadyLoaded
        } else if let Some(denied) = walk.denied.remove(&number) {
            denied
        } else {
            let extra = if top { request.options.as_slice() } else { &[] };
            action(resolver, &mut entry, extra)
        };
        let required = top || walk.required.contains(&entry.target.key());
        let at = |id| walk.places.get(id).copied().unwrap_or_default();
        let reason = match entry.link {
            Link::Asked => Reason::Asked,
            Link::Dependency(of) => Reason::Dependency { of: at(of) },
            Link::Softdep(of) => Reason::Softdep { of: at(of) },
        };
        let Target { name: module, alias, .. } = entry.target;
        plan.steps.push(Step { module, alias, action, required, top, reason });
    }
    plan
}

/// Whether the module runs already: loaded and initialised, or built in.
pub(crate) fn in_kernel(resolver: &Resolver<'_>, kernel: &dyn Kernel, target: &Target) -> bool {
    target.is_builtin(resolver.database)
        || matches!(kernel.state(target.name.as_bytes()), Ok(Some(InitState::Live)))
}

/// What is to be done for `entry`, whose path goes into it.
fn action(resolver: &Resolver<'_>, entry: &mut Entry, extra: &[u8]) -> Action {
    let options = merged_options(resolver.config, &entry.target, extra);
    let name = &entry.target.name;
    match entry.target.install_command(resolver.config).filter(|_| !entry.ignore_command) {
        Some(line) => {
            Action::Run { command: line.command.clone(), options, origin: line.origin.clone() }
        }
        None => match entry.target.path.take().or_else(|| resolver.database.path_of(name)) {
            Some(path) => Action::Load { path, options },
            None if entry.target.is_builtin(resolver.database) => Action::Builtin,
            None => Action::Missing,
        },
    }
}

/// Every `options` line for the module's name or for the alias it was reached
/// by, then `extra`. Configured options always end with a blank (kmod's
/// output shows it).
pub fn merged_options(config: &Config, target: &Target, extra: &[u8]) -> Vec<u8> {
    let alias = target.alias.as_deref();
    let mut merged = Vec::new();
    for line in config.options_lines_for(target.name.as_bytes(), alias) {
        merged.extend_from_slice(&line.options);
        merged.push(b' ');
    }
    merged.extend_from_slice(extra);
    merged
}

/// One mention of a module in the list of what to load.
struct Entry {
    target: Target,
    link: Link,
    ignore_command: bool,
}

type Key = (ModuleName, Option<Vec<u8>>);

/// A mention of a module before its place is known.
type Id = usize;

/// Which mention led to another.
#[derive(Clone, Copy)]
enum Link {
    Asked,
    Dependency(Id),
    Softdep(Id),
}

/// What is still to be put on the list.
enum Task {
    /// A module with its dependencies, unless it was there already.
    List { target: Target, link: Link },
    /// A module between its soft dependencies.
    Surround { target: Target, required: bool, id: Id, link: Link },
    /// The module itself.
    Append { target: Target, id: Id, link: Link },
}

/// Builds the list of modules to load. It keeps its own stack: a chain of soft
/// dependencies can be as long as the configuration.
struct Walk<'a> {
    resolver: &'a Resolver<'a>,
    guard: Option<Guard<'a>>,
    visited: BTreeSet<Key>,
    required: BTreeSet<Key>,
    entries: Vec<Entry>,
    /// Where each mention stands on the list.
    places: Vec<usize>,
    /// Of which entries, by their number, nothing is loaded: soft dependencies, unless they
    /// are in the kernel.
    denied: BTreeMap<usize, Action>,
    lookups: Lookups,
}

impl<'a> Walk<'a> {
    fn new(resolver: &'a Resolver<'a>, guard: Option<Guard<'a>>) -> Self {
        Self {
            resolver,
            guard,
            visited: BTreeSet::new(),
            required: BTreeSet::new(),
            entries: Vec::new(),
            places: Vec::new(),
            denied: BTreeMap::new(),
            lookups: Lookups::new(),
        }
    }

    fn list(&mut self, top: &Target, ignore_commands: bool) {
        // What is done next stands last.
        let mut tasks = Vec::new();
        self.visited.insert(top.key());
        self.required.insert(top.key());
        let (id, link, target) = (self.mention(), Link::Asked, top.clone());
        tasks.push(match ignore_commands {
            true => Task::Append { target, id, link },
            false => Task::Surround { target, required: true, id, link },
        });
        self.push_dependencies(top, id, true, &mut tasks);
        while let Some(task) = tasks.pop() {
            match task {
                Task::List { target, link } => {
                    if !self.visited.insert(target.key()) {
                        continue;
                    }
                    if let Some(denied) = self.guard.as_ref().and_then(|guard| guard.by(&target)) {
                        self.denied.insert(self.entries.len(), denied);
                        self.entries.push(Entry { target, link, ignore_command: false });
                    } else {
                        let id = self.mention();
                        let named = target.clone();
                        tasks.push(Task::Surround { target: named, required: false, id, link });
                        self.push_dependencies(&target, id, false, &mut tasks);
                    }
                }
                Task::Surround { target, required, id, link } => {
                    if required {
                        self.required.insert(target.key());
                    }
                    let (pre, post) = self.soft_dependencies(&target.name);
                    let soft = |target| Task::List { target, link: Link::Softdep(id) };
                    tasks.extend(post.into_iter().rev().map(soft));
                    tasks.push(Task::Append { target, id, link });
                    tasks.extend(pre.into_iter().rev().map(soft));
                }
                Task::Append { target, id, link } => {
                    if let Some(place) = self.places.get_mut(id) {
                        *place = self.entries.len();
                    }
                    let ignore_command = ignore_commands && target.key() == top.key();
                    self.entries.push(Entry { target, link, ignore_command });
                }
            }
        }
    }

    fn mention(&mut self) -> Id {
        self.places.push(0);
        self.places.len().saturating_sub(1)
    }

    /// `modules.dep` names the nearest first and the deepest last: the last
    /// pushed here is the deepest, and done first.
    fn push_dependencies(
        &mut self,
        target: &Target,
        of: Id,
        required: bool,
        tasks: &mut Vec<Task>,
    ) {
        for path in self.resolver.database.dependencies(&target.name) {
            let (target, link) = (Target::of_file(path), Link::Dependency(of));
            tasks.push(Task::Surround { target, required, id: self.mention(), link });
        }
    }

    fn soft_dependencies(&mut self, name: &ModuleName) -> (Vec<Target>, Vec<Target>) {
        match self.resolver.config.softdep_for(name.as_bytes()) {
            Some(line) => {
                let pre = self.lookups.all(self.resolver, line.pre());
                (pre, self.lookups.all(self.resolver, line.post()))
            }
            None => (Vec::new(), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use komod_kernel::{InitState, Recorder};

    use super::*;
    use crate::world::{World, sketch};

    const DEP: [&str; 7] = [
        "a.ko: b.ko c.ko",
        "b.ko: c.ko",
        "c.ko:",
        "from_modules.ko:",
        "s.ko: t.ko",
        "t.ko:",
        "end.ko:",
    ];

    #[track_caller]
    fn check(config: &str, text: &str, request: &Request, expected: &str) -> Plan {
        let world = World::new(&DEP, &[("al*", "a"), ("al*", "b")], &["built"], config);
        let plan = world.plan(&Recorder::new("6"), text, request);
        assert_eq!(sketch(&plan), expected);
        plan
    }

    #[test]
    fn dependencies_come_deepest_first_and_soft_ones_around() {
        let any = Request::default();
        check("", "b", &any, "+c +b^");
        check("", "a", &any, "+c +b +from_modules. +a^");
        check("softdep b pre: s post: end\n", "b", &any, "+c +t. +s. +b^ +end.");
        check("softdep c pre: end\n", "b", &any, "+end. +c +b^");
    }

    #[test]
    fn every_step_knows_who_wants_it() {
        let world = World::new(&DEP, &[], &[], "softdep b pre: s post: end\nsoftdep c pre: b\n");
        let plan = world.plan(&Recorder::new("6"), "a", &Request::default());
        assert_eq!(sketch(&plan), "+c +t. +s. +b +end. +c +b +from_modules. +a^");
        let who = plan.steps.iter().map(|step| match step.reason {
            Reason::Asked => format!("{}: asked", step.module),
            Reason::Dependency { of } => {
                format!("{}: needed by {}", step.module, plan.steps[of].module)
            }
            Reason::Softdep { of } => {
                format!("{}: softdep of {}", step.module, plan.steps[of].module)
            }
        });
        let expected = [
            "c: needed by b",
            "t: needed by s",
            "s: softdep of b",
            "b: softdep of c",
            "end: softdep of b",
            "c: needed by a",
            "b: needed by a",
            "from_modules: softdep of a",
            "a: asked",
        ];
        assert_eq!(who.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_administrators_softdep_beats_the_modules_own() {
        check("softdep a post: end\n", "a", &Request::default(), "+c +b +a^ +end.");
    }

    #[test]
    fn a_module_wanted_twice_stands_there_twice_and_is_required_both_times() {
        // kmod's output has the doubles too.
        let config = "softdep c pre: b\nsoftdep a pre: x\n";
        check(config, "a", &Request::default(), "+c +b +c +b +a^");
    }

    #[test]
    fn loops_of_soft_dependencies_end() {
        let config = "softdep s pre: end post: s\nsoftdep end pre: s\n";
        check(config, "s", &Request::default(), "+t +end. +s^");
    }

    #[test]
    fn a_long_chain_of_soft_dependencies_needs_no_deep_stack() {
        let links = (0..1000).map(|i| format!("install m{i} true\nsoftdep m{i} pre: m{}\n", i + 1));
        let config: String = links.collect();
        let steps = move || {
            let world = World::new(&DEP, &[], &[], &config);
            world.plan(&Recorder::new("6"), "m0", &Request::default()).steps.len()
        };
        let small = std::thread::Builder::new().stack_size(128 << 10);
        assert_eq!(small.spawn(steps).unwrap().join().unwrap(), 1000);
    }

    #[test]
    fn an_install_command_replaces_loading_also_where_softdeps_are() {
        let config = "install b run $CMDLINE_OPTS\nsoftdep b pre: end\noptions b x=1\n";
        let plan = check(config, "b", &Request::default(), "+c +end. !b[x=1 ]^");
        assert!(matches!(
            &plan.steps[2].action,
            Action::Run { command, origin, .. }
                if command == b"run $CMDLINE_OPTS" && origin.line == 1
        ));
        check("install * true\n", "b", &Request::default(), "!c !b^");
    }

    #[test]
    fn ignoring_commands_concerns_only_the_module_asked_for() {
        let request = Request { ignore_commands: true, ..Request::default() };
        let config = "install b x\ninstall c y\nsoftdep b pre: end\nsoftdep c pre: end\n";
        check(config, "b", &request, "+end. !c +b^");
    }

    #[test]
    fn options_are_joined_as_kmod_joins_them() {
        let config = "options a m=0\noptions b x=1\noptions al- y=2\noptions b  z=3\noptions * n\n\
                      alias al_ b\nsoftdep a pre: x\n";
        let extra = Request { options: b"e=9".to_vec(), ..Request::default() };
        check(config, "b", &Request::default(), "+c +b[x=1  z=3 ]^");
        check(config, "b", &extra, "+c +b[x=1  z=3 e=9]^");
        check(config, "c", &extra, "+c[e=9]^");
        // By the alias's text too, and only for the module asked for.
        check(config, "al-", &extra, "+c +b[x=1 y=2  z=3 e=9]^");
        check(config, "a", &extra, "+c +b[x=1  z=3 ] +a[m=0 e=9]^");
    }

    #[test]
    fn the_blacklist_holds_back_aliases_and_names_only_on_demand() {
        let config = "blacklist b\nalias ab b\n";
        let strict = Request { blacklist: Blacklist::Names, ..Request::default() };
        check(config, "b", &Request::default(), "+c +b^");
        check(config, "b", &strict, "-b^");
        let plan = check(config, "ab", &Request::default(), "-b^");
        assert!(matches!(&plan.steps[0].action, Action::Skipped { origin } if origin.line == 1));
        // Dependencies are not held back.
        check("blacklist c\n", "b", &strict, "+c +b^");
    }

    #[test]
    fn what_is_loaded_is_left_alone_unless_that_is_ignored() {
        let world = World::new(&DEP, &[], &["built"], "softdep b pre: built\n");
        let kernel =
            Recorder::new("6").with_loaded("c").with_loaded("a").with_state("b", InitState::Coming);
        let request = Request::default();
        assert_eq!(sketch(&world.plan(&kernel, "b", &request)), "=c =built. +b^");
        assert_eq!(sketch(&world.plan(&kernel, "a", &request)), "=a^");
        assert_eq!(sketch(&world.plan(&kernel, "built", &request)), "=built^");
        let depends = Request { ignore_loaded: true, first_time: true, ..request };
        assert_eq!(sketch(&world.plan(&kernel, "b", &depends)), "+c bbuilt. +b^");
        assert_eq!(sketch(&world.plan(&kernel, "built", &depends)), "bbuilt^");
        assert!(!world.plan(&kernel, "a", &depends).is_too_late());
        let first = Request { first_time: true, ..Request::default() };
        assert!(world.plan(&kernel, "a", &first).is_too_late());
        assert!(!world.plan(&kernel, "b", &first).is_too_late());
        assert!(kernel.calls().is_empty());
    }

    #[test]
    fn what_is_only_named_is_missing() {
        check("alias x no-such\nremove gone true\n", "x", &Request::default(), "?no_such^");
        check("remove gone true\n", "gone", &Request::default(), "?gone^");
    }

    #[test]
    fn words_that_nobody_can_look_up_are_left_out() {
        let plan =
            check("softdep b pre: x[y nobody end\n", "b", &Request::default(), "+c +end. +b^");
        assert_eq!(plan.unreadable, [b"x[y"]);
    }

    #[test]
    fn a_file_takes_the_dependencies_of_its_name() {
        let world = World::new(&DEP, &[], &["b"], "");
        let target = Resolver::path(&world.path("b.ko")).unwrap();
        let plan =
            plan_insert(&world.resolver(), &Recorder::new("6"), &target, &Request::default());
        assert_eq!(sketch(&plan), "+c +b^");
    }
}
