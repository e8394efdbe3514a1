//! Running other programs, with messages that name them.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::outcome::Stop;

/// Runs a program with its output passed through.
///
/// Error if it is not there ([`Stop::NotHere`]) or ends with another status
/// than 0.
pub fn run(command: &mut Command) -> Result<(), Stop> {
    let status = command.status().map_err(|e| not_started(command, &e))?;
    if status.success() {
        return Ok(());
    }
    Err(Stop::Failed(format!("{} ended with {status}", line(command))))
}

/// Runs a program with its output kept back; whatever its status.
///
/// Error only if it cannot be started.
pub fn output(command: &mut Command) -> Result<Output, Stop> {
    command.stdin(Stdio::null()).output().map_err(|e| not_started(command, &e))
}

/// Runs a program and returns its standard output as text.
///
/// Error if it cannot be started, or ends with another status than 0: then
/// the text carries the end of its standard error.
pub fn text(command: &mut Command) -> Result<String, Stop> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(4)..].join("; ");
    Err(Stop::Failed(format!("{} ended with {}: {last}", line(command), output.status)))
}

/// The first file of that name in the directories of `PATH`, or in the
/// system administrator's; `None` if there is none.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The command as somebody would type it, without quoting.
fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args().filter(|a| a.len() < 80) {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

fn not_started(command: &Command, error: &std::io::Error) -> Stop {
    let program = command.get_program().to_string_lossy();
    match error.kind() {
        ErrorKind::NotFound => Stop::NotHere(format!("{program} is not installed")),
        _ => Stop::Failed(format!("{program} cannot be started: {error}")),
    }
}
