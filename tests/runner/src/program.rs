//! Which program is judged: komod, or an original.

use std::path::PathBuf;

/// The six names that the one program is called by.
pub const TOOLS: [&str; 7] = ["kmod", "lsmod", "rmmod", "insmod", "modinfo", "modprobe", "depmod"];

/// A program behind all the tools' names, and what it needs to run in a box.
#[derive(Debug, Clone)]
pub struct Program {
    /// How the report calls it: `ours`, or the original's version (`34.2`), which
    /// is also what a case's `originals` file lists.
    pub name: String,
    /// The program file.
    pub file: PathBuf,
    /// Where its shared libraries come from.
    pub libraries: Libraries,
    /// Which program's depmod prepares the trees; `None`: its own.
    pub depmod: Option<Box<Program>>,
}

/// Shared libraries and their loader.
#[derive(Debug, Clone)]
pub enum Libraries {
    /// The machine's own.
    Host,
    /// A loader, and one directory with all the libraries.
    Unpacked {
        /// The dynamic loader, whatever its file name.
        loader: PathBuf,
        /// The directory of the libraries.
        directory: PathBuf,
    },
}

impl Program {
    /// komod as built at `file`.
    pub fn ours(file: impl Into<PathBuf>) -> Self {
        let (name, libraries) = ("ours".into(), Libraries::Host);
        Self { name, file: file.into(), libraries, depmod: None }
    }

    /// An original of this version that is installed on the machine.
    pub fn installed(version: &str, file: impl Into<PathBuf>) -> Self {
        Self { name: version.into(), ..Self::ours(file) }
    }

    /// An original of this version that lies unpacked beside its own libraries.
    pub fn unpacked(
        version: &str,
        file: impl Into<PathBuf>,
        loader: impl Into<PathBuf>,
        directory: impl Into<PathBuf>,
    ) -> Self {
        let (loader, directory) = (loader.into(), directory.into());
        let libraries = Libraries::Unpacked { loader, directory };
        Self { name: version.into(), file: file.into(), libraries, depmod: None }
    }

    /// Has another program's depmod prepare the trees, so that a fault of depmod
    /// does not fail the cases of every other tool.
    pub fn with_depmod_of(mut self, other: &Program) -> Self {
        self.depmod = Some(Box::new(other.clone()));
        self
    }

    /// Whether this is komod, not an original.
    pub fn is_ours(&self) -> bool {
        self.name == "ours"
    }
}
