use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use komod_name::ModuleName;

use crate::CommandLine;

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

/// Who runs the configured commands.
pub trait Commands {
    /// Runs `command` for `module` and waits for its end.
    fn run(&self, command: &CommandLine, module: &ModuleName) -> Status;
}

/// Runs `install` and `remove` commands: `/bin/sh -c COMMAND`, with the
/// module's name in `MODPROBE_MODULE`.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// What a nested modprobe finds in `MODPROBE_OPTIONS`; `None` leaves the
    /// variable as it is.
    pub modprobe_options: Option<OsString>,
}

impl Commands for Shell {
    #[inline(never)] // it would be built for speed where it is called
    fn run(&self, command: &CommandLine, module: &ModuleName) -> Status {
        let mut shell = Command::new("/bin/sh");
        // What the shell calls itself in its messages: as system(3) does.
        shell.arg0("sh").arg("-c").arg(OsStr::from_bytes(&command.script));
        if let Some(options) = &command.variable {
            // `$0`, then `$@`.
            shell.arg("sh").args(command.words.iter().map(|word| OsStr::from_bytes(word)));
            shell.env("CMDLINE_OPTS", OsStr::from_bytes(options));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_knows_its_module_and_ends_as_it_ends() {
        let shell = Shell { modprobe_options: Some("-q".into()) };
        let module = ModuleName::new(b"snd-pcm");
        let ask = b"test \"$MODPROBE_MODULE $MODPROBE_OPTIONS\" = 'snd_pcm -q'";
        let run = |command: &[u8]| shell.run(&CommandLine::new(command, b""), &module);
        assert!(matches!(run(ask), Status::Success));
        assert!(matches!(run(b"exit 3"), Status::Exit(3)));
        assert!(matches!(run(b"kill -9 $$"), Status::Signal(9)));
        assert!(matches!(run(b"a\0b"), Status::NotStarted(_)));
    }

    #[test]
    fn no_option_is_more_than_a_word() {
        let module = ModuleName::new(b"m");
        // Each would end the shell with 9 if it were carried out.
        for options in [
            "x=;exit 9;",
            "x=$(kill -9 $$)",
            "x=`kill -9 $$`",
            "x=a\nexit 9\n",
            "\";exit 9;\"",
            "';exit 9;'",
            "x=\\\";exit 9;",
            "x|exit 9",
            "x&exit 9",
            "$x${y}$((1))",
            "x #",
            "#",
            ">a <b",
            "\";exit 9;",
            "';exit 9;",
            "\"';exit 9;'\"",
        ] {
            for command in [
                "test \"$#\" -gt 0 && : $CMDLINE_OPTS",
                ": \"$CMDLINE_OPTS\"; test -n \"$CMDLINE_OPTS\"",
                "sh -c ': $CMDLINE_OPTS; test -n \"$CMDLINE_OPTS\"'",
                "set -- $CMDLINE_OPTS; test \"$1\"",
            ] {
                let line = CommandLine::new(command.as_bytes(), options.as_bytes());
                let ended = Shell::default().run(&line, &module);
                assert!(matches!(ended, Status::Success), "{command}: {options}: {ended:?}");
            }
        }
    }
}
