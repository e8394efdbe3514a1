use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use komod_config::{Blacklist, Origin, Softdep, Weakdep};
use komod_file::open_now;
use komod_kernel::{InitState, Kernel};
use komod_name::{ModuleName, matches};
use komod_probe::{Action, Plan, Reason, Resolver, Source, Step, Target, plan_insert};
use komod_why::{Cause, Finding, KernelFacts, Way, preflight};

use crate::Question;
use crate::uses::{Use, Uses};
use crate::verdict::Verdict;

/// What is told of one module. Each step of the plan has its place in `about`.
pub(crate) struct Account<'a> {
    pub(crate) plan: Plan,
    pub(crate) about: Vec<About<'a>>,
    /// The module directory asked.
    pub(crate) directory: &'a Path,
    /// The module's file.
    pub(crate) file: Option<PathBuf>,
    /// The patterns in the indexes that led to the module.
    pub(crate) patterns: Vec<Vec<u8>>,
    /// Whether the running kernel is asked about.
    pub(crate) running: bool,
    pub(crate) state: State,
    pub(crate) blacklist: Option<&'a Blacklist>,
    /// What may be of use to the module, and is never loaded for it.
    pub(crate) weakdep: Option<&'a Weakdep>,
    /// What files were held against; `None` where there were none.
    pub(crate) preflight: Option<String>,
    pub(crate) verdict: Verdict,
}

/// Whether the module is in the kernel.
pub(crate) enum State {
    Builtin,
    /// With the number of its users, and the modules among them.
    Loaded(Option<i64>, Vec<Vec<u8>>),
    Coming,
    Going,
    Absent,
}

/// What is told of one step.
#[derive(Default)]
pub(crate) struct About<'a> {
    /// Whether the module is part of the kernel image.
    pub(crate) builtin: bool,
    /// The step that has loaded the module by then; nothing else is told of this one.
    pub(crate) again: Option<usize>,
    /// Who needs the module of a dependency, by which symbols.
    pub(crate) uses: Vec<Use>,
    /// The line that makes it a soft dependency.
    pub(crate) softdep: Option<&'a Softdep>,
    /// Its parameters, and where they are written: `None` for what was given.
    pub(crate) options: Vec<(Vec<u8>, Option<&'a Origin>)>,
    /// A blacklist line that does not hold it back.
    pub(crate) blacklist: Option<&'a Blacklist>,
    /// Why its file cannot be read, if it cannot.
    pub(crate) unreadable: Option<String>,
    /// What keeps it out of the kernel.
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Account<'a> {
    pub(crate) fn of(question: &'a Question<'_>, target: &Target) -> Self {
        let Question { kernel, facts, request, words, .. } = question;
        let (kernel, resolver) = (*kernel, &question.resolver);
        let config = resolver.config;
        let plan = plan_insert(resolver, kernel, target, request);
        let mut uses = Uses::default();
        let mut seen = BTreeSet::new();
        let loads = |step: &Step| matches!(step.action, Action::Load { .. });
        let about = plan.steps.iter().map(|step| {
            let first = !loads(step) || seen.insert(step.module.clone());
            if first {
                return About::of(&plan, step, resolver, &mut uses);
            }
            let earlier = |other: &Step| loads(other) && other.module == step.module;
            About { again: plan.steps.iter().position(earlier), ..About::default() }
        });
        let mut about: Vec<About<'a>> = about.collect();
        for (about, step) in about.iter_mut().zip(&plan.steps) {
            let acts = matches!(step.action, Action::Load { .. } | Action::Run { .. });
            let extra = acts && step.top && !request.options.is_empty();
            about.options.extend(extra.then(|| (request.options.clone(), None)));
            if let (Action::Load { path, options }, None) = (&step.action, about.again) {
                let way = Way { force: request.force, alone: false, parameters: options };
                about.unreadable = match open_now(path).and_then(|file| file.metadata()) {
                    Ok(file) if file.is_file() => None,
                    Ok(_) => Some(format!("{} is not a regular file", path.display())),
                    Err(error) => {
                        Some(format!("{} cannot be read: {}", path.display(), words(&error)))
                    }
                };
                about.findings = preflight(path, facts, way);
                // What the plan loads for other reasons is there by then.
                about.findings.retain(|finding| match &finding.cause {
                    Cause::NeedsModule { module, .. } => {
                        !plan.steps.iter().any(|step| loads(step) && step.module == *module)
                    }
                    _ => true,
                });
            }
        }
        let checked = about.iter().zip(&plan.steps).filter(|(about, step)| {
            about.again.is_none() && matches!(step.action, Action::Load { .. })
        });
        let checked = checked.count();
        let name = target.name.as_bytes();
        Self {
            directory: resolver.database.dir(),
            file: target.file(resolver.database),
            patterns: patterns(resolver, target),
            running: facts.is_running(),
            state: match target.is_builtin(resolver.database) {
                true => State::Builtin,
                false => State::of(kernel, &target.name),
            },
            blacklist: config.blacklist_for(name),
            weakdep: config.weakdep_for(name),
            preflight: (checked > 0).then(|| compared(checked, facts)),
            verdict: Verdict::of(&plan, &about),
            plan,
            about,
        }
    }
}

impl State {
    fn of(kernel: &dyn Kernel, name: &ModuleName) -> Self {
        let name = name.as_bytes();
        match kernel.state(name) {
            Ok(Some(InitState::Live)) => {
                let refcnt = kernel.refcnt(name).ok().flatten();
                Self::Loaded(refcnt, kernel.holders(name).unwrap_or_default())
            }
            Ok(Some(InitState::Coming)) => Self::Coming,
            Ok(Some(InitState::Going)) => Self::Going,
            Ok(None) | Err(_) => Self::Absent,
        }
    }
}

impl<'a> About<'a> {
    fn of(plan: &Plan, step: &Step, resolver: &Resolver<'a>, uses: &mut Uses) -> Self {
        let config = resolver.config;
        let name = step.module.as_bytes();
        let mut about =
            Self { builtin: resolver.database.is_builtin(&step.module), ..Self::default() };
        match step.reason {
            Reason::Asked => {}
            Reason::Dependency { of } => {
                let users: Vec<_> = users(plan, of, resolver)
                    .into_iter()
                    .filter(|(module, _)| *module != step.module)
                    .collect();
                if let Some(file) = file(step, resolver) {
                    about.uses = uses.of(&file, &users);
                }
            }
            Reason::Softdep { of } => {
                let wants = plan.steps.get(of).map(|of| of.module.as_bytes());
                about.softdep = wants.and_then(|module| config.softdep_for(module));
            }
        }
        if matches!(step.action, Action::Load { .. } | Action::Run { .. }) {
            let lines = config.options_lines_for(name, step.alias.as_deref());
            about.options = lines.map(|line| (line.options.clone(), Some(&line.origin))).collect();
            about.blacklist = config.blacklist_for(name);
        }
        about
    }
}

/// What `count` files were held against: what is missing there was not looked at.
fn compared(count: usize, facts: &KernelFacts<'_>) -> String {
    let release = String::from_utf8_lossy(facts.release());
    let version = match facts.reference() {
        Some(reference) => format!("version as in {}", reference.path.display()),
        None => "its version is not known".into(),
    };
    let symbols = match facts.own_exports() {
        Some(own) => format!("symbols as in {}", own.source.display()),
        None => "its own symbols are not known".into(),
    };
    let files = if count == 1 { "file" } else { "files" };
    format!("{count} {files} against {release}: {version}; {symbols}")
}

/// The module of step `of` and all that is there for it, each with its file.
fn users(plan: &Plan, of: usize, resolver: &Resolver<'_>) -> Vec<(ModuleName, PathBuf)> {
    let there = plan
        .steps
        .iter()
        .enumerate()
        .filter(|(at, step)| *at == of || step.reason == Reason::Dependency { of });
    let there = there.filter_map(|(_, step)| Some((step.module.clone(), file(step, resolver)?)));
    there.collect()
}

fn file(step: &Step, resolver: &Resolver<'_>) -> Option<PathBuf> {
    match &step.action {
        Action::Load { path, .. } => Some(path.clone()),
        _ => resolver.database.path_of(&step.module),
    }
}

/// The keys of the index that answered which stand for the target.
fn patterns(resolver: &Resolver<'_>, target: &Target) -> Vec<Vec<u8>> {
    let database = resolver.database;
    let index = match target.source {
        Source::Symbol => database.symbols(),
        Source::Alias => database.aliases(),
        Source::BuiltinAlias => database.builtin_aliases(),
        _ => None,
    };
    let (Some(index), Some(alias)) = (index, &target.alias) else { return Vec::new() };
    let mut found = Vec::new();
    index.for_each(&mut |key, value| {
        if value.value == target.name.as_bytes() && matches(key, alias) {
            found.push(key.to_vec());
        }
    });
    found
}
