//! Loading, and showing what would be loaded.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_json as json;
use komod_probe::{
    Action, Cause, Event, Failure, LoadError, Plan, Request, Resolver, Status, Step, Target,
    execute, plan_insert,
};

use komod_why::Denied;

use super::super::hints::Hints;
use super::{Settings, lines, report_broken};
use crate::host::{Host, Outcome};
use crate::report::{Level, Report, modprobe_phrase};
use crate::{errno_text, io_text};

/// Loads every one of `names`; parameters are the request's.
pub(super) fn all(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    names: &[OsString],
    request: &Request,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::Success;
    for name in names {
        let Some(targets) = find(host, resolver, settings.gravity, name) else {
            outcome = Outcome::Failure;
            continue;
        };
        // Of several modules the last one counts.
        let mut last = Outcome::Success;
        for target in &targets {
            last = one(host, resolver, settings, name, target, request)?;
        }
        outcome = outcome.and(last);
    }
    Ok(outcome)
}

/// Prints the name of every module that one of `names` stands for.
pub(super) fn resolve(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    names: &[OsString],
) -> io::Result<Outcome> {
    let mut outcome = Outcome::Success;
    for name in names {
        match find(host, resolver, settings.gravity, name) {
            Some(targets) if settings.json => {
                json::targets(host.stdout, resolver.database, name, &targets)?
            }
            Some(targets) => {
                for target in targets {
                    host.stdout.write_all(target.name.as_bytes())?;
                    host.stdout.write_all(b"\n")?;
                }
            }
            None => outcome = Outcome::Failure,
        }
    }
    Ok(outcome)
}

/// As [`known`], with hints.
fn find(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    gravity: Level,
    name: &OsStr,
) -> Option<Vec<Target>> {
    let found = known(host, resolver, gravity, name);
    if found.is_none() && !is_path(name) {
        hints(host, resolver).unknown(name.as_bytes());
    }
    found
}

fn is_path(name: &OsStr) -> bool {
    let text = name.as_bytes();
    text.starts_with(b"/") || text.starts_with(b"./")
}

/// The modules that an operand stands for: a path begins with `/` or `./`,
/// everything else is a name or an alias. `None` when there are none, and that
/// has been reported.
pub(in crate::tools) fn known(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    gravity: Level,
    name: &OsStr,
) -> Option<Vec<Target>> {
    let text = name.as_bytes();
    let shown = name.to_string_lossy();
    if is_path(name) {
        return match Resolver::path(Path::new(name)) {
            Ok(target) => Some(vec![target]),
            Err(error) => {
                let why = io_text(&error);
                host.report
                    .say(gravity, format_args!("Failed to get module from path {shown}: {why}"));
                None
            }
        };
    }
    let found = resolver.lookup(text).unwrap_or_default();
    report_broken(host, resolver.database);
    if found.is_empty() {
        let directory = resolver.database.dir().display();
        host.report.say(gravity, format_args!("Module {shown} not found in directory {directory}"));
        return None;
    }
    Some(found)
}

fn one(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
    target: &Target,
    request: &Request,
) -> io::Result<Outcome> {
    let plan = plan_insert(resolver, host.kernel, target, request);
    report_broken(host, resolver.database);
    for word in &plan.unreadable {
        let word = String::from_utf8_lossy(word);
        host.report.error(format_args!("failed to lookup dependency '{word}', continuing anyway."));
    }
    if settings.dry_run && host.report.wants(Level::Notice) {
        tell_skipped(&plan, resolver, &mut host.report);
    }
    if tell_denied(&plan, &mut host.report) {
        if settings.json {
            json::plan(host.stdout, resolver.database, name, &plan)?;
        }
        return Ok(Outcome::Failure);
    }
    let mut watch = settings.watch.borrow_mut();
    for step in &plan.steps {
        if let Action::Load { path, .. } = &step.action {
            watch.tell(path, &mut host.report);
        }
    }
    drop(watch);
    let result = if settings.dry_run {
        rehearse(host, resolver, settings, name, &plan)?
    } else {
        act(host, &plan, settings)?
    };
    match result {
        Ok(()) => {
            if !request.options.is_empty() && !settings.dry_run {
                hints(host, resolver).inserted(&plan);
            }
            Ok(Outcome::Success)
        }
        Err(failure) => {
            let errno = failure.raw_os_error();
            let why = modprobe_phrase(errno).unwrap_or_else(|| errno_text(errno));
            host.report.error(format_args!("could not insert '{}': {why}", target.name));
            hints(host, resolver).not_inserted(&plan, &failure);
            Ok(Outcome::Failure)
        }
    }
}

fn hints<'h, 'r>(host: &'h mut Host<'r>, resolver: &Resolver<'h>) -> Hints<'h, 'r> {
    let Resolver { database, config } = resolver;
    Hints { report: &mut host.report, kernel: host.kernel, database, config: Some(config) }
}

/// Tells what `deny` lines forbid; whether that is the module asked for.
fn tell_denied(plan: &Plan, report: &mut Report<'_>) -> bool {
    let mut refused = false;
    for step in &plan.steps {
        let Action::Denied { module, line } = &step.action else { continue };
        let needs = match *module == step.module {
            true => String::new(),
            false => format!("it needs {module}, which is "),
        };
        let (name, why) = (&step.module, Denied(line));
        if step.top {
            report.error(format_args!("could not insert '{name}': {needs}{why}"));
            refused = true;
        } else {
            report.warning(format_args!("soft dependency '{name}' is left out: {needs}{why}"));
        }
    }
    refused
}

/// Tells of each module that nothing is done for, once, why. What `-D` prints a line for
/// is told by that.
fn tell_skipped(plan: &Plan, resolver: &Resolver<'_>, report: &mut Report<'_>) {
    let mut told = BTreeSet::new();
    for step in &plan.steps {
        let module = &step.module;
        let why = match &step.action {
            Action::Skipped { origin } => format!("blacklisted by {origin}"),
            Action::AlreadyLoaded if resolver.database.is_builtin(module) => {
                "built into the kernel".into()
            }
            Action::AlreadyLoaded => "in the kernel already".into(),
            _ => continue,
        };
        if told.insert(module.clone()) {
            report.say(Level::Notice, format_args!("module {module} is skipped: {why}"));
        }
    }
}

fn rehearse(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
    plan: &Plan,
) -> io::Result<Result<(), Failure>> {
    if plan.is_too_late() {
        return Ok(Err(Failure::AlreadyLoaded));
    }
    if settings.json {
        json::plan(host.stdout, resolver.database, name, plan)?;
        return Ok(Ok(()));
    }
    for step in &plan.steps {
        lines::action(step, host.stdout)?;
    }
    Ok(Ok(()))
}

/// Carries `plan` out. That standard output fails does not stop it: it is an
/// error when all is done.
fn act(host: &mut Host<'_>, plan: &Plan, settings: &Settings) -> io::Result<Result<(), Failure>> {
    let Host { kernel, stdout, report, .. } = host;
    let mut written = Ok(());
    let result = execute(plan, *kernel, &settings.shell, &mut |event| match event {
        Event::Starting(step) => {
            let said = announce(step, settings, *stdout);
            if written.is_ok() {
                written = said;
            }
        }
        other => tell(&other, report),
    });
    written.map(|()| result)
}

fn announce(step: &Step, settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    if settings.show {
        lines::action(step, out)?;
    }
    // A command writes to the same place.
    if matches!(step.action, Action::Run { .. }) { out.flush() } else { Ok(()) }
}

fn tell(event: &Event<'_>, report: &mut Report<'_>) {
    match event {
        Event::Starting(_) => {}
        Event::NoFile(module) => {
            report.error(format_args!("could not find module by name='{module}'"));
        }
        Event::FromMemory { path } => {
            let path = path.display();
            report.say(
                Level::Notice,
                format_args!(
                    "the kernel refused '{path}' as invalid: trying again with it decompressed"
                ),
            );
        }
        Event::UnknownCompression(name) => {
            let name = String::from_utf8_lossy(name);
            report.error(format_args!("unknown kernel compression {name}"));
        }
        Event::LoadFailed(error) => load_failed(error, report),
        Event::CommandFailed { module, command, status } => {
            let command = String::from_utf8_lossy(command);
            let ended = ending(status);
            report.error(format_args!(
                "Error running install command '{command}' for module {module}: {ended}"
            ));
        }
    }
}

fn load_failed(error: &LoadError, report: &mut Report<'_>) {
    let why = errno_text(error.raw_os_error());
    match &error.cause {
        Cause::File(file) => {
            file.detail(&error.path).inspect(|detail| report.error(detail));
        }
        Cause::Strip(_) | Cause::NoVermagic => {
            report.error(format_args!("Failed to strip version information: {why}"));
        }
        Cause::Kernel(_) => {}
    }
    let path = error.path.display();
    report.say(Level::Info, format_args!("Failed to insert module '{path}': {why}"));
}

/// How a command ended, in kmod's word where it has one.
pub(super) fn ending(status: &Status) -> String {
    match status {
        Status::Success => "retcode 0".into(),
        Status::Exit(code) => format!("retcode {code}"),
        Status::Signal(signal) => format!("killed by signal {signal}"),
        Status::NotStarted(error) => io_text(error).into_owned(),
    }
}
