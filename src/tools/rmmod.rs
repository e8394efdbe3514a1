//! `rmmod`: removes modules, nothing else.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_name::ModuleName;
use komod_probe::Database;

use super::hints::Hints;
use super::{Tool, parse_and_listen};
use crate::cli::{Definition, count, flag};
use crate::host::{Host, Outcome};
use crate::{errno_text, io_text};

pub(super) const TOOL: Tool = Tool {
    name: "rmmod",
    about: "Remove modules from the kernel",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "rmmod",
    TOOL.about,
    "[options] module...",
    &[
        flag("force", "Remove a module even if it is in use (dangerous)").short('f'),
        flag("syslog", "Send messages to syslog").short('s'),
        count("verbose", "Say more").short('v'),
    ],
    "module",
);

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match parse_and_listen(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    let modules = given.operands();
    if modules.is_empty() {
        host.report.error("missing module name.");
        return Ok(Outcome::Failure);
    }
    let database = Database::new(host.module_directory());
    let force = given.flag("force");
    let mut outcome = Outcome::Success;
    for module in &modules {
        outcome = outcome.and(remove(host, &database, module, force));
    }
    Ok(outcome)
}

fn remove(host: &mut Host<'_>, database: &Database, operand: &OsStr, force: bool) -> Outcome {
    let name = if Path::new(operand).exists() {
        ModuleName::of_path(operand.as_bytes())
    } else {
        ModuleName::cut(operand.as_bytes())
    };
    if !force {
        if let Some(why) = keeps_it_in(host, database, &name) {
            host.report.error(why);
            hint(host, database, &name);
            return Outcome::Failure;
        }
    }
    let removed = match CString::new(name.as_bytes()) {
        Ok(text) => host.kernel.delete_module(&text, force).map_err(|errno| errno as i32),
        Err(_) => Err(nix::errno::Errno::EINVAL as i32),
    };
    match removed {
        Ok(()) => Outcome::Success,
        Err(errno) => {
            let why = errno_text(errno);
            let operand = operand.to_string_lossy();
            host.report.error(format_args!("could not remove '{name}': {why}"));
            host.report.error(format_args!("could not remove module {operand}: {why}"));
            hint(host, database, &name);
            Outcome::Failure
        }
    }
}

/// What keeps the module in, or that it is another that was meant.
fn hint(host: &mut Host<'_>, database: &Database, name: &ModuleName) {
    Hints { report: &mut host.report, kernel: host.kernel, database, config: None }
        .not_removed(name);
}

/// Why the module cannot be removed, as far as asking tells; `None` when the
/// kernel may be asked to remove it.
fn keeps_it_in(host: &mut Host<'_>, database: &Database, name: &ModuleName) -> Option<String> {
    if database.is_builtin(name) {
        return Some(format!("Module {name} is builtin."));
    }
    let state = host.kernel.state(name.as_bytes()).unwrap_or_else(|error| {
        host.report.error(io_text(&error));
        None
    });
    if state.is_none() {
        return Some(format!("Module {name} is not currently loaded"));
    }
    // Code that is built in and has parameters has no holders to read.
    let holders = host.kernel.holders(name.as_bytes()).unwrap_or_else(|error| {
        let why = io_text(&error);
        host.report.error(format_args!("could not open '/sys/module/{name}/holders': {why}"));
        Vec::new()
    });
    if !holders.is_empty() {
        let holders: Vec<_> =
            holders.iter().map(|holder| String::from_utf8_lossy(holder)).collect();
        return Some(format!("Module {name} is in use by: {}", holders.join(" ")));
    }
    match host.kernel.refcnt(name.as_bytes()) {
        Ok(Some(0)) => None,
        Ok(Some(_)) => Some(format!("Module {name} is in use")),
        Ok(None) | Err(_) => Some("Module unloading is not supported".to_owned()),
    }
}
