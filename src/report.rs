//! Messages: `tool: LEVEL: text`, to standard error or to syslog.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt::Display;
use std::io::Write;

use nix::errno::Errno;
use nix::syslog::{Facility, LogFlags, Priority, Severity, openlog, syslog};

use crate::terminal::StandardError;

/// How grave a message is; the numbers are syslog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing at all: the threshold of `modprobe -q`.
    Silent = 0,
    /// The tool gives up.
    Fatal = 2,
    /// Something asked for was not done.
    Error = 3,
    /// Something is odd; the tool goes on.
    Warning = 4,
    /// Worth knowing with `-v`.
    Notice = 5,
    /// Worth knowing with `-vv`.
    Info = 6,
    /// For whoever works on komod.
    Debug = 7,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Silent | Level::Fatal => "FATAL",
            Level::Error => "ERROR",
            Level::Warning => "WARNING",
            Level::Notice => "NOTICE",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Level::Silent | Level::Fatal => Severity::LOG_CRIT,
            Level::Error => Severity::LOG_ERR,
            Level::Warning => Severity::LOG_WARNING,
            Level::Notice => Severity::LOG_NOTICE,
            Level::Info => Severity::LOG_INFO,
            Level::Debug => Severity::LOG_DEBUG,
        }
    }
}

/// insmod's phrase for the kernel's `errno`; `None` where it uses the C
/// library's text. Scripts match them (`insmod`(8)).
pub fn insmod_phrase(errno: i32) -> Option<Cow<'static, str>> {
    let phrase = match Errno::from_raw(errno) {
        Errno::ENOEXEC => "Invalid module format",
        Errno::ENOENT => "Unknown symbol in module",
        Errno::ESRCH => "Module has wrong symbol version",
        Errno::EINVAL => "Invalid parameters",
        _ => return None,
    };
    Some(Cow::Borrowed(phrase))
}

/// modprobe's phrase for the `errno` of a module that did not get in; `None`
/// where it uses the C library's text (`modprobe`(8)).
pub fn modprobe_phrase(errno: i32) -> Option<Cow<'static, str>> {
    let phrase = match Errno::from_raw(errno) {
        Errno::EEXIST => "Module already in kernel",
        Errno::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)",
        _ => return None,
    };
    Some(Cow::Borrowed(phrase))
}

/// Where a tool's messages go, and which are wanted.
pub struct Report<'a> {
    program: String,
    threshold: i32,
    verbose: i32,
    sink: Sink<'a>,
}

enum Sink<'a> {
    Stream(Box<dyn Write + 'a>),
    Syslog,
}

impl<'a> Report<'a> {
    /// Messages of `program` up to [`Level::Warning`], into `stream`.
    pub fn new(program: &str, stream: Box<dyn Write + 'a>) -> Self {
        let program = program.to_owned();
        let sink = Sink::Stream(stream);
        Self { program, threshold: Level::Warning as i32, verbose: 0, sink }
    }

    /// The name that stands before each message.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Messages come in the name of `program` from now on.
    pub fn rename(&mut self, program: &str) {
        program.clone_into(&mut self.program);
    }

    /// Messages past `level` are dropped from now on.
    pub fn set_threshold(&mut self, level: Level) {
        self.threshold = level as i32;
    }

    /// Moves the threshold: up by one for each `-v`.
    pub fn raise_threshold(&mut self, by: i32) {
        self.verbose = self.verbose.saturating_add(by);
        self.threshold = self.threshold.saturating_add(by);
    }

    /// Whether a message of `level` would be seen.
    pub fn wants(&self, level: Level) -> bool {
        level as i32 <= self.threshold
    }

    /// Whether a hint would be read: not with `-q`, and in syslog only with `-v`.
    pub fn wants_hints(&self) -> bool {
        self.wants(Level::Error) && (self.verbose > 0 || matches!(self.sink, Sink::Stream(_)))
    }

    /// A line behind an error's own: why it came to it, and what helps.
    pub fn hint(&mut self, text: impl Display) {
        if self.wants_hints() {
            self.line("HINT", Level::Notice, text);
        }
    }

    /// Messages go to syslog from now on (facility daemon, the tool's name as
    /// the tag).
    pub fn use_syslog(&mut self) {
        let tag = CString::new(self.program.as_bytes()).unwrap_or_default();
        // The C library keeps the pointer: the tag lives as long as the process.
        let tag = Box::leak(tag.into_boxed_c_str());
        if openlog(Some(tag), LogFlags::LOG_CONS, Facility::LOG_DAEMON).is_ok() {
            self.sink = Sink::Syslog;
        }
    }

    /// Says `text` at `level`, if that is wanted. A message that cannot be
    /// written is lost: there is nobody left to tell.
    pub fn say(&mut self, level: Level, text: impl Display) {
        if !self.wants(level) {
            return;
        }
        self.line(level.word(), level, text);
    }

    fn line(&mut self, word: &str, level: Level, text: impl Display) {
        match &mut self.sink {
            Sink::Stream(stream) => {
                let line = format!("{}: {word}: {text}\n", self.program);
                let _ = stream.write_all(line.as_bytes());
            }
            Sink::Syslog => {
                let priority = Priority::new(level.severity(), Facility::LOG_DAEMON);
                let line = format!("{word}: {text}").replace('\0', "");
                let _ = syslog(priority, &line);
            }
        }
    }

    /// A [`Level::Fatal`] message. Returns whether it was wanted: kmod gives
    /// up at a fatal message that it prints, and goes on after one that `-q`
    /// suppressed.
    pub fn fatal(&mut self, text: impl Display) -> bool {
        self.say(Level::Fatal, text);
        self.wants(Level::Fatal)
    }

    /// A [`Level::Error`] message.
    pub fn error(&mut self, text: impl Display) {
        self.say(Level::Error, text);
    }

    /// A [`Level::Warning`] message.
    pub fn warning(&mut self, text: impl Display) {
        self.say(Level::Warning, text);
    }

    /// A line to standard error as it stands, whatever the threshold and even
    /// when messages go to syslog: the option reader's, as the C library's
    /// `getopt_long`(3) prints them.
    pub fn plain(&mut self, line: impl Display) {
        let line = format!("{line}\n");
        match &mut self.sink {
            Sink::Stream(stream) => {
                let _ = stream.write_all(line.as_bytes());
            }
            Sink::Syslog => {
                let _ = StandardError.write_all(line.as_bytes());
            }
        }
    }
}
