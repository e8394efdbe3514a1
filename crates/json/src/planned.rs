use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_config::Origin;
use komod_probe::{Action, Plan, Reason, Source, Step, Target};

use crate::Line;

/// Puts what a text stands for, and the module's file.
pub fn put_target(line: &mut Line, target: &Target, file: Option<&Path>) {
    let (rule, origin) = match &target.source {
        Source::Path => ("path", None),
        Source::ConfigAlias(origin) => ("config", Some(origin)),
        Source::Name => ("name", None),
        Source::Symbol => ("symbol", None),
        Source::Command(origin) => ("command", Some(origin)),
        Source::Alias => ("alias", None),
        Source::Builtin => ("builtin", None),
        Source::BuiltinAlias => ("builtin-alias", None),
    };
    line.key("module").text(target.name.as_bytes());
    line.key("alias").maybe_text(target.alias.as_deref());
    line.key("path").maybe_text(file.map(bytes));
    line.key("rule").text(rule.as_bytes());
    put_origin(line, origin);
}

/// Puts where a directive stands; null where nothing is written.
pub fn put_origin(line: &mut Line, origin: Option<&Origin>) {
    match origin {
        None => line.key("origin").null(),
        Some(origin) => line.key("origin").object(|line| {
            line.key("file").text(bytes(&origin.file));
            line.key("line").number(origin.line.into());
        }),
    }
}

/// Puts the steps of `plan`, and of each what `more` adds.
pub fn put_steps(line: &mut Line, plan: &Plan, mut more: impl FnMut(&mut Line, usize)) {
    line.key("steps").array(plan.steps.iter().enumerate(), |line, (at, step)| {
        line.object(|line| {
            put_step(line, step);
            more(line, at);
        });
    });
}

fn put_step(line: &mut Line, step: &Step) {
    line.key("module").text(step.module.as_bytes());
    let (mut file, mut text, mut shell, mut by) = (None, None, None, None);
    let action = match &step.action {
        Action::Load { path, options } => {
            (file, text) = (Some(bytes(path)), Some(options.as_slice()));
            "load"
        }
        Action::Run { command, options, origin } => {
            (shell, text, by) = (Some(command.as_slice()), Some(options.as_slice()), Some(origin));
            "run"
        }
        Action::Builtin => "builtin",
        Action::AlreadyLoaded => "loaded",
        Action::Skipped { origin } => {
            by = Some(origin);
            "skip"
        }
        Action::Denied { line, .. } => {
            by = Some(&line.origin);
            "deny"
        }
        Action::Missing => "missing",
    };
    line.key("action").text(action.as_bytes());
    line.key("path").maybe_text(file);
    line.key("options").maybe_text(text);
    line.key("command").maybe_text(shell);
    put_origin(line, by);
    line.key("required").flag(step.required);
    let (reason, of) = match step.reason {
        Reason::Asked => ("asked", None),
        Reason::Dependency { of } => ("dependency", Some(of)),
        Reason::Softdep { of } => ("softdep", Some(of)),
    };
    line.key("reason").text(reason.as_bytes());
    match of {
        Some(of) => line.key("of").number(of as u64),
        None => line.key("of").null(),
    }
    if let Action::Denied { module, line: deny } = &step.action {
        line.key("denied").text(module.as_bytes());
        line.key("denied_reason").text(&deny.reason);
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
