//! `kmod`: all tools under one name.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;

use super::{TOOLS, Tool, by_command};
use crate::cli::{self, Definition};
use crate::host::{Host, Outcome};

pub(super) const TOOL: Tool = Tool {
    name: "kmod",
    about: "Manage kernel modules: list, load, unload and more",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition =
    Definition::new("kmod", TOOL.about, "[options] command [command options]", &[], "command")
        .after_help(commands);

fn commands() -> String {
    let mut commands = String::from("Commands:\n  help           Print this help\n");
    for tool in TOOLS.iter().skip(1) {
        let _ = writeln!(commands, "  {:<14} {}", tool.name, tool.about);
    }
    commands
}

/// `kmod COMMAND ...`. The options before COMMAND are kmod's own, all behind
/// it are the command's.
fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let posix = std::mem::replace(&mut host.environment.posixly_correct, true);
    let parsed = cli::parse(host, &DEFINITION, args)?;
    host.environment.posixly_correct = posix;
    let given = match parsed {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    let mut words = given.operands().into_iter();
    let Some(word) = words.next() else {
        host.report.plain("missing command");
        help(host)?;
        return Ok(Outcome::Failure);
    };
    if word == "help" {
        help(host)?;
        return Ok(Outcome::Success);
    }
    let Some(tool) = word.to_str().and_then(by_command) else {
        host.report.plain(format_args!("invalid command '{}'", word.to_string_lossy()));
        help(host)?;
        return Ok(Outcome::Failure);
    };
    // `kmod list` and `kmod static-nodes` are kmod's own and speak as kmod;
    // the option reader goes by the command's word.
    if tool.program {
        host.report.rename(tool.name);
    }
    host.program = tool.name.into();
    (tool.run)(host, words.collect())
}

fn help(host: &mut Host<'_>) -> io::Result<()> {
    write!(host.stdout, "{}", DEFINITION.command().render_help())
}
