use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a directive stands; shown as `FILE:LINE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// As it was found: the directory as given, `/`, the name. `/proc/cmdline`
    /// for words of the kernel command line.
    pub file: Arc<Path>,
    /// From 1. Of a line that was continued, its last; of the kernel command
    /// line always 1.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Something that was left out, in kmod's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// How bad kmod finds it.
    pub level: Level,
    /// The name that kmod's library puts before the text as long as the tool
    /// has not set up its messages (`libkmod: ERROR: FUNCTION: TEXT`): in
    /// modprobe always, since the configuration is read first. Empty where the
    /// tool itself says it.
    pub function: &'static str,
    /// Without program name and level, e.g. `/etc/modprobe.d/x.conf line 3:
    /// ignoring bad line starting with 'foo'`. Bytes that are not UTF-8 are
    /// U+FFFD.
    pub text: String,
    /// The line; `None` where it is about a file or a directory.
    pub origin: Option<Origin>,
}

/// The priority of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Shown unless asked for silence.
    Error,
    /// Shown on `-vv`.
    Info,
}

/// Bytes as text of a message.
pub(crate) fn shown(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
