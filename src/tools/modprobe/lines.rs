//! The lines that stand for actions: `insmod PATH OPTIONS` and its kind.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use komod_probe::{Action, RemovalAction, RemovalStep, Step};

/// Writes the line of `step`; nothing for a step that does nothing.
pub(super) fn action(step: &Step, out: &mut dyn Write) -> io::Result<()> {
    match &step.action {
        Action::Load { path, options } => {
            line(out, &[b"insmod ", path.as_os_str().as_bytes(), b" ", options])
        }
        Action::Run { command, options, .. } => line(out, &[b"install ", command, b" ", options]),
        Action::Builtin => line(out, &[b"builtin ", step.module.as_bytes()]),
        Action::AlreadyLoaded
        | Action::Skipped { .. }
        | Action::Denied { .. }
        | Action::Missing => Ok(()),
    }
}

/// Writes the line of a removal's `step`; nothing for a step that does
/// nothing.
pub(super) fn removal(step: &RemovalStep, out: &mut dyn Write) -> io::Result<()> {
    match &step.action {
        RemovalAction::Unload | RemovalAction::UnloadUnused => {
            line(out, &[b"rmmod ", step.module.as_bytes()])
        }
        RemovalAction::Run { command, .. } => line(out, &[b"remove ", command]),
        RemovalAction::NotLoaded | RemovalAction::Builtin | RemovalAction::InUse => Ok(()),
    }
}

fn line(out: &mut dyn Write, parts: &[&[u8]]) -> io::Result<()> {
    for part in parts {
        out.write_all(part)?;
    }
    out.write_all(b"\n")
}
