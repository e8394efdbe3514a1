//! The table of tools: a program's name, what it is for, its definition, its
//! function.

mod check;
mod depmod;
mod explain;
mod exposed;
mod hints;
mod insmod;
mod kmod;
mod lsmod;
mod modinfo;
mod modprobe;
mod parameters;
mod rmmod;
mod static_nodes;

use std::ffi::OsString;
use std::io;

use clap::Command;

use crate::cli::{self, Definition, Given};
use crate::host::{Host, Outcome};
use crate::report::Level;

/// One tool.
pub struct Tool {
    /// The program's name, and the word behind `kmod`.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Whether a program of that name exists (a symbolic link to `kmod`).
    pub program: bool,
    /// The definition of its command line.
    pub definition: fn() -> Command,
    /// Runs it with the words behind its name.
    pub run: fn(&mut Host<'_>, Vec<OsString>) -> io::Result<Outcome>,
}

/// All tools; `kmod` itself comes first.
pub const TOOLS: &[Tool] = &[
    kmod::TOOL,
    insmod::TOOL,
    lsmod::TOOL,
    rmmod::TOOL,
    lsmod::LIST,
    modinfo::TOOL,
    modprobe::TOOL,
    depmod::TOOL,
    static_nodes::TOOL,
    explain::TOOL,
    check::TOOL,
];

/// Reads the command line of a tool that tells of errors only, of more with
/// each `-v`, and tells syslog with `-s`.
fn parse_and_listen(
    host: &mut Host<'_>,
    definition: &'static Definition,
    args: Vec<OsString>,
) -> io::Result<Result<Given, Outcome>> {
    let parsed = cli::parse(host, definition, args)?;
    if let Ok(given) = &parsed {
        host.report.set_threshold(Level::Error);
        host.report.raise_threshold(given.count("verbose"));
        if given.flag("syslog") {
            host.report.use_syslog();
        }
    }
    Ok(parsed)
}

/// The tool that a program of that name is; `None` for an unknown name.
pub fn by_program_name(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.program && tool.name == name)
}

/// The tool that `kmod NAME` means; `None` for an unknown name.
pub fn by_command(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().skip(1).find(|tool| tool.name == name)
}
