use std::fmt::{self, Display, Formatter};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_config::Origin;
use komod_why::Cause;

/// Something that is wrong. As text: `FILE[:LINE]: WHAT`. Sorted by file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, or a directory.
    pub file: PathBuf,
    /// The line of the file, counted from 1; `None` if it is about all of it.
    pub line: Option<u32>,
    /// A word for it that stays: for machines.
    pub kind: &'static str,
    /// What is wrong, for people.
    pub what: String,
}

impl Finding {
    /// One about a whole file.
    pub(crate) fn of(file: &Path, kind: &'static str, what: impl Display) -> Self {
        Self { file: file.to_owned(), line: None, kind, what: what.to_string() }
    }

    /// One about a line of the configuration.
    pub(crate) fn at(origin: &Origin, kind: &'static str, what: impl Display) -> Self {
        let line = Some(origin.line);
        Self { file: origin.file.to_path_buf(), line, kind, what: what.to_string() }
    }

    /// Why the module in a file does not load.
    pub(crate) fn why(file: &Path, cause: &Cause) -> Self {
        Self::of(file, cause.id(), cause)
    }

    /// The file's path as bytes.
    pub fn path(&self) -> &[u8] {
        self.file.as_os_str().as_bytes()
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Bytes for people.
pub(crate) fn shown(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
