//! Removing, and showing what would be removed.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use komod_json as json;
use komod_probe::{
    RemovalAction, RemovalEvent, RemovalFailure, RemovalRequest, RemovalStep, Resolver, Target,
    plan_removal, rehearse_removal, remove,
};

use super::super::hints::Hints;
use super::{Settings, lines, report_broken};
use crate::errno_text;
use crate::host::{Host, Outcome};
use crate::report::{Level, Report};

/// Removes every one of `names`. A fatal message that is printed ends it: the
/// names behind are not looked at.
pub(super) fn all(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    names: &[OsString],
    request: &RemovalRequest,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::Success;
    for name in names {
        let Ok(found) = resolver.lookup(name.as_bytes()) else {
            // A name with half a bracket: kmod says nothing and goes on.
            outcome = Outcome::Failure;
            continue;
        };
        let targets = known(host, resolver, settings, name, found);
        if targets.is_empty() {
            outcome = Outcome::Failure;
            if gives_up(host, settings) {
                return Ok(outcome);
            }
        }
        for target in targets {
            let Err(failure) = one(host, resolver, settings, name, &target, request)? else {
                continue;
            };
            outcome = Outcome::Failure;
            if !matches!(failure, RemovalFailure::Kernel { .. }) && gives_up(host, settings) {
                return Ok(outcome);
            }
        }
    }
    Ok(outcome)
}

fn gives_up(host: &Host<'_>, settings: &Settings) -> bool {
    settings.gravity == Level::Fatal && host.report.wants(Level::Fatal)
}

/// The modules that were `found` for `name`; that there are none is reported.
fn known(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
    found: Vec<Target>,
) -> Vec<Target> {
    report_broken(host, resolver.database);
    if found.is_empty() {
        let text = name.as_bytes();
        let name = name.to_string_lossy();
        host.report.say(settings.gravity, format_args!("Module {name} not found."));
        let (kernel, database) = (host.kernel, resolver.database);
        Hints { report: &mut host.report, kernel, database, config: None }.unknown(text);
    }
    found
}

fn one(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
    target: &Target,
    request: &RemovalRequest,
) -> io::Result<Result<(), RemovalFailure>> {
    let plan = plan_removal(resolver, host.kernel, target, request);
    report_broken(host, resolver.database);
    for word in &plan.unreadable {
        let word = String::from_utf8_lossy(word);
        host.report.error(format_args!("failed to lookup dependency '{word}', continuing anyway."));
    }
    let Host { kernel, stdout, report, .. } = host;
    if report.wants(Level::Notice) && !request.ignore_loaded {
        for (module, why) in komod_why::left_in(&plan, resolver, *kernel) {
            report.say(Level::Notice, format_args!("module {module} is skipped: {why}"));
        }
    }
    let mut written = match settings.json {
        true => json::removal(*stdout, resolver.database, name, &plan),
        false => Ok(()),
    };
    let mut observe = |event: RemovalEvent<'_>| match event {
        RemovalEvent::Starting(step) => {
            let said = announce(step, settings, *stdout);
            if written.is_ok() {
                written = said;
            }
        }
        RemovalEvent::Failed { failure, ends_plan } => {
            let gravity = if ends_plan { settings.gravity } else { Level::Warning };
            tell(failure, gravity, report);
            let (kernel, database) = (*kernel, resolver.database);
            let mut hints = Hints { report, kernel, database, config: None };
            match failure {
                RemovalFailure::InUse(module)
                | RemovalFailure::Builtin(module)
                | RemovalFailure::Kernel { module, .. } => hints.not_removed(module),
                RemovalFailure::NotLoaded(_) | RemovalFailure::Command { .. } => {}
            }
        }
    };
    let result = if settings.dry_run {
        rehearse_removal(&plan, &mut observe)
    } else {
        remove(&plan, *kernel, &settings.shell, &mut observe)
    };
    written.map(|()| result)
}

fn announce(step: &RemovalStep, settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    if settings.json {
        return Ok(());
    }
    if settings.show {
        lines::removal(step, out)?;
        return out.flush();
    }
    if matches!(step.action, RemovalAction::Run { .. }) { out.flush() } else { Ok(()) }
}

fn tell(failure: &RemovalFailure, gravity: Level, report: &mut Report<'_>) {
    match failure {
        RemovalFailure::NotLoaded(module) => {
            report.say(gravity, format_args!("Module {module} is not in kernel."));
        }
        RemovalFailure::Builtin(module) => {
            report.say(gravity, format_args!("Module {module} is builtin."));
        }
        RemovalFailure::InUse(module) => {
            report.say(gravity, format_args!("Module {module} is in use."));
        }
        RemovalFailure::Kernel { module, errno } => {
            let why = errno_text(*errno as i32);
            report.error(format_args!("could not remove '{module}': {why}"));
        }
        RemovalFailure::Command { module, status } => {
            report.say(gravity, format_args!("Error running remove command for {module}"));
            let ended = super::insert::ending(status);
            report.say(Level::Info, format_args!("the remove command of {module}: {ended}"));
        }
    }
}
