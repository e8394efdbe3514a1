use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use komod_name::ModuleName;

/// How a command ended.
#[derive(Debug)]
pub enum Status {
    /// Exit status 0.
    Success,
    /// Any other exit status.
    Exit(i32),
    /// Killed by this signal.
    Signal(i32),
    /// The shell could not be started.
    NotStarted(io::Error),
}

/// Runs `install` and `remove` commands: `/bin/sh -c COMMAND`, with the
/// module's name in `MODPROBE_MODULE`.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// What a nested modprobe finds in `MODPROBE_OPTIONS`; `None` leaves the
    /// variable as it is.
    pub modprobe_options: Option<OsString>,
}

impl Shell {
    /// Runs `command` for `module` and waits for its end.
    pub(crate) fn run(&self, command: &[u8], module: &ModuleName) -> Status {
        let mut shell = Command::new("/bin/sh");
        // What the shell calls itself in its messages: as system(3) does.
        shell.arg0("sh").arg("-c").arg(OsStr::from_bytes(command));
        shell.env("MODPROBE_MODULE", module.as_os_str());
        if let Some(options) = &self.modprobe_options {
            shell.env("MODPROBE_OPTIONS", options);
        }
        match shell.status() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(0), _) => Status::Success,
                (Some(code), _) => Status::Exit(code),
                (None, signal) => Status::Signal(signal.unwrap_or_default()),
            },
            Err(error) => Status::NotStarted(error),
        }
    }
}

/// `command` with `options` for every `$CMDLINE_OPTS`. What was put in is not
/// looked at again.
pub(crate) fn with_options(command: &[u8], options: &[u8]) -> Vec<u8> {
    const VARIABLE: &[u8] = b"$CMDLINE_OPTS";
    let mut whole = Vec::with_capacity(command.len() + options.len());
    let mut rest = command;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(VARIABLE) {
            whole.extend_from_slice(options);
            rest = behind;
        } else {
            whole.push(first);
            rest = after;
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_replaced_once() {
        assert_eq!(
            with_options(b"a $CMDLINE_OPTS b$CMDLINE_OPTSc", b"x=$CMDLINE_OPTS"),
            b"a x=$CMDLINE_OPTS bx=$CMDLINE_OPTSc"
        );
        assert_eq!(with_options(b"$CMDLINE_OPT", b"x"), b"$CMDLINE_OPT");
        assert_eq!(with_options(b"", b"x"), b"");
    }

    #[test]
    fn a_command_knows_its_module_and_ends_as_it_ends() {
        let shell = Shell { modprobe_options: Some("-q".into()) };
        let module = ModuleName::new(b"snd-pcm");
        let ask = b"test \"$MODPROBE_MODULE $MODPROBE_OPTIONS\" = 'snd_pcm -q'";
        assert!(matches!(shell.run(ask, &module), Status::Success));
        assert!(matches!(shell.run(b"exit 3", &module), Status::Exit(3)));
        assert!(matches!(shell.run(b"kill -9 $$", &module), Status::Signal(9)));
        assert!(matches!(shell.run(b"a\0b", &module), Status::NotStarted(_)));
    }
}
