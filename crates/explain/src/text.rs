use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_probe::{Action, Reason, Source, Step};
use komod_why::{Denied, Finding};

use crate::account::{About, Account, State};
use crate::uses::Use;
use crate::verdict::fails;

/// So many symbols are named, the rest counted.
const SYMBOLS: usize = 3;

pub(crate) fn write(account: &Account<'_>, query: &OsStr, out: &mut dyn Write) -> io::Result<()> {
    let target = &account.plan.target;
    line(out, "", "asked", &[query.as_bytes()])?;
    line(out, "", "module", &[target.name.as_bytes(), b", ", rule(account).as_bytes()])?;
    for pattern in &account.patterns {
        line(out, "", "pattern", &[pattern])?;
    }
    if let Some(file) = &account.file {
        line(out, "", "file", &[bytes(file)])?;
    }
    line(out, "", "state", &[state(account).as_bytes()])?;
    for step in account.plan.steps.iter().filter(|step| step.top) {
        held_back(account, step, out)?;
    }
    for word in &account.plan.unreadable {
        line(out, "", "warning", &[b"no lookup can be made for the soft dependency ", word])?;
    }
    for (at, (step, about)) in account.plan.steps.iter().zip(&account.about).enumerate() {
        self::step(account, at, step, about, out)?;
    }
    if let Some(preflight) = &account.preflight {
        line(out, "", "preflight", &[preflight.as_bytes()])?;
    }
    if let Some(weakdep) = account.weakdep {
        let origin = format!(" ({})", weakdep.origin);
        let list = weakdep.text();
        line(out, "", "weakdep", &[&list, b", never loaded for it", origin.as_bytes()])?;
    }
    line(out, "", "verdict", &[account.verdict.text.as_bytes()])
}

/// Of an operand that stands for nothing.
pub(crate) fn write_unknown(
    query: &OsStr,
    findings: &[Finding],
    near: &[Vec<u8>],
    out: &mut dyn Write,
) -> io::Result<()> {
    line(out, "", "asked", &[query.as_bytes()])?;
    for finding in findings {
        line(out, "", "problem", &[finding.to_string().as_bytes()])?;
    }
    for name in near {
        line(out, "", "nearest", &[name])?;
    }
    line(out, "", "verdict", &[query.as_bytes(), NOTHING])
}

/// The end of a verdict on an operand that stands for nothing.
pub(crate) const NOTHING: &[u8] = b" would not be loaded: nothing is called so";

/// Which rule made a module of the words.
fn rule(account: &Account<'_>) -> String {
    let target = &account.plan.target;
    let alias = target.alias.as_deref().unwrap_or_default();
    let index = |name: &str| account.directory.join(name).display().to_string();
    match &target.source {
        Source::Path => "named by its file".into(),
        Source::ConfigAlias(origin) => {
            format!("by \"alias {}\" at {origin}", String::from_utf8_lossy(alias))
        }
        Source::Name => format!("by its name in {}", index("modules.dep.bin")),
        Source::Symbol => {
            format!("by a symbol that it exports, in {}", index("modules.symbols.bin"))
        }
        Source::Command(origin) => format!("by the command for that name at {origin}"),
        Source::Alias if alias.starts_with(b"devname:") => {
            let node = String::from_utf8_lossy(alias.get(8..).unwrap_or_default()).into_owned();
            format!("by its device node /dev/{node}, in {}", index("modules.alias.bin"))
        }
        Source::Alias => format!("by its alias in {}", index("modules.alias.bin")),
        Source::Builtin => format!("by its name in {}", index("modules.builtin.bin")),
        Source::BuiltinAlias => format!("by its alias in {}", index("modules.builtin.alias.bin")),
    }
}

fn state(account: &Account<'_>) -> String {
    match &account.state {
        State::Builtin => "built into the kernel".into(),
        _ if !account.running => "not known: this is not the running kernel".into(),
        State::Loaded(refcnt, holders) => {
            let users = refcnt.map(|count| format!(", {count} users")).unwrap_or_default();
            let names: Vec<_> =
                holders.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let held =
                if names.is_empty() { String::new() } else { format!(": {}", names.join(" ")) };
            format!("loaded{users}{held}")
        }
        State::Coming => "being loaded".into(),
        State::Going => "being removed".into(),
        State::Absent => "not loaded".into(),
    }
}

/// What the blacklist says of the module asked for, whether it holds or not.
fn held_back(account: &Account<'_>, step: &Step, out: &mut dyn Write) -> io::Result<()> {
    let Some(blacklist) = account.blacklist else { return Ok(()) };
    let how = match (&step.action, account.plan.target.alias.is_some()) {
        (Action::Skipped { .. }, true) => ", and asked for by an alias: held back",
        (Action::Skipped { .. }, false) => ": held back",
        (Action::AlreadyLoaded | Action::Builtin, _) => ", but it is in the kernel",
        _ => ", but asked for by its own name: not held back",
    };
    line(out, "", "blacklist", &[blacklist.origin.to_string().as_bytes(), how.as_bytes()])
}

fn step(
    account: &Account<'_>,
    at: usize,
    step: &Step,
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = step.module.as_bytes();
    let label = format!("step {}", at.saturating_add(1));
    match &step.action {
        Action::Load { path, .. } => {
            line(out, "", &label, &[b"load ", name, b" from ", bytes(path)])?;
        }
        Action::Run { command, origin, .. } => {
            let by = format!(" in the place of {} ({origin})", step.module);
            line(out, "", &label, &[b"run \"", command, b"\"", by.as_bytes()])?;
        }
        Action::Builtin | Action::AlreadyLoaded if about.builtin => {
            line(out, "", &label, &[name, b" is built into the kernel"])?;
        }
        Action::Builtin | Action::AlreadyLoaded => {
            line(out, "", &label, &[name, b" is in the kernel already"])?
        }
        Action::Skipped { origin } => {
            let by = format!(" ({origin})");
            line(out, "", &label, &[b"skip ", name, b", blacklisted", by.as_bytes()])?;
        }
        Action::Denied { module, line: deny } => {
            let by = match *module == step.module {
                true => format!(", {}", Denied(deny)),
                false => format!(", as it needs {module}, {}", Denied(deny)),
            };
            line(out, "", &label, &[b"refuse ", name, by.as_bytes()])?;
        }
        Action::Missing => line(out, "", &label, &[b"fail: there is no file for ", name])?,
    }
    if let Some(earlier) = about.again {
        let text = format!("not again: step {} has loaded it", earlier.saturating_add(1));
        return line(out, "  ", "reason", &[text.as_bytes()]);
    }
    reason(account, step, about, out)?;
    for (options, origin) in &about.options {
        let from = match origin {
            Some(origin) => format!(" ({origin})"),
            None => " (given)".into(),
        };
        line(out, "  ", "options", &[options, from.as_bytes()])?;
    }
    if let Some(blacklist) = about.blacklist.filter(|_| !step.top) {
        let text = format!("{}, which holds back no dependency", blacklist.origin);
        line(out, "  ", "blacklist", &[text.as_bytes()])?;
    }
    if let Some(why) = &about.unreadable {
        line(out, "  ", "problem", &[why.as_bytes()])?;
    }
    for finding in &about.findings {
        let label = if fails(finding) { "problem" } else { "note" };
        line(out, "  ", label, &[finding.to_string().as_bytes()])?;
    }
    Ok(())
}

fn reason(
    account: &Account<'_>,
    step: &Step,
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let wants = |of: usize| account.plan.steps.get(of).map(|of| of.module.to_string());
    match step.reason {
        Reason::Asked => Ok(()),
        Reason::Dependency { of } if about.uses.is_empty() => {
            let text = format!("modules.dep names it for {}", wants(of).unwrap_or_default());
            line(out, "  ", "reason", &[text.as_bytes()])
        }
        Reason::Dependency { .. } => {
            for Use { module, symbols } in &about.uses {
                let mut list =
                    symbols.iter().take(SYMBOLS).cloned().collect::<Vec<_>>().join(&b", "[..]);
                if let Some(more) = symbols.len().checked_sub(SYMBOLS).filter(|more| *more > 0) {
                    list.extend(format!(" and {more} more").into_bytes());
                }
                line(out, "  ", "reason", &[module.as_bytes(), b" needs ", &list])?;
            }
            Ok(())
        }
        Reason::Softdep { of } => {
            let of = wants(of).unwrap_or_default();
            let from = about.softdep.map(|line| match line.from_modules {
                true => format!(", as the module says ({})", line.origin),
                false => format!(" ({})", line.origin),
            });
            let text = format!("soft dependency of {of}{}", from.unwrap_or_default());
            line(out, "  ", "reason", &[text.as_bytes()])
        }
    }
}

/// A line: characters that would end it or move the cursor are shown as `?`.
fn line(out: &mut dyn Write, indent: &str, label: &str, parts: &[&[u8]]) -> io::Result<()> {
    write!(out, "{indent}{label}: ")?;
    for part in parts {
        let shown: Vec<u8> =
            part.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }).collect();
        out.write_all(&shown)?;
    }
    out.write_all(b"\n")
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
