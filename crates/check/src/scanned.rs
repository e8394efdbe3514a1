//! What depmod's engine tells while it looks at a tree, as findings.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_depmod::{Finding as Told, Rule, Unreadable};
use komod_why::Cause;

use crate::Finding;
use crate::finding::shown;

/// A file that is not taken for its module.
struct Twice {
    left: PathBuf,
    /// Not for ever: a third may come.
    taken: PathBuf,
    rule: String,
    /// The rule is that of equals.
    is_equal: bool,
}

/// Gathers what is told of the module directory `dir`.
pub(crate) struct Scanned<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) findings: Vec<Finding>,
    /// What is there and cannot be looked at.
    pub(crate) unread: Vec<(PathBuf, io::Error)>,
    twice: Vec<Twice>,
}

impl<'a> Scanned<'a> {
    pub(crate) fn new(dir: &'a Path) -> Self {
        Self { dir, findings: Vec::new(), unread: Vec::new(), twice: Vec::new() }
    }

    /// Tells of the files that are not taken, when all are known.
    pub(crate) fn tell_twice(&mut self) {
        for one in &self.twice {
            let mut last = one;
            // Who was beaten later stands further behind.
            for later in &self.twice {
                if later.left == last.taken {
                    last = later;
                }
            }
            let rule = if one.is_equal { &last.rule } else { &one.rule };
            let what = format!("the file is not used: {} is, {rule}", last.taken.display());
            self.findings.push(Finding::of(&one.left, "duplicate", what));
        }
    }

    pub(crate) fn sink(&mut self) -> impl FnMut(Told<'_>) {
        |told| self.hear(told)
    }

    fn hear(&mut self, told: Told<'_>) {
        let dir = self.dir;
        let finding = match told {
            Told::Directory { path: at, error } => return self.unread.push((path(at), error)),
            Told::Entry { dir, name, error } => {
                let entry = path(dir).join(OsStr::from_bytes(name));
                if error.kind() != io::ErrorKind::NotFound {
                    return self.unread.push((entry, error));
                }
                Finding::of(&entry, "dangling-link", "the link leads nowhere")
            }
            Told::Twice { taken, left, rule } => {
                let is_equal = rule == Rule::First;
                let rule = match rule {
                    Rule::Override(origin) => format!("by the override line {origin}"),
                    Rule::Search => "by the search order of depmod.d".into(),
                    Rule::First => "whose path comes first".into(),
                };
                let (left, taken) = (path(left), path(taken));
                return self.twice.push(Twice { left, taken, rule, is_equal });
            }
            Told::FileType { path: at, .. } => {
                Finding::of(&path(at), "file-type", "neither a file nor a directory")
            }
            Told::Input { name, dir, error } => {
                let list = path(dir).join(name);
                if error.kind() != io::ErrorKind::NotFound {
                    return self.unread.push((list, error));
                }
                let what = "the list of the kernel's build is missing; install its package again";
                Finding::of(&list, "list-missing", what)
            }
            Told::OrderCut { path: at, line } => Finding {
                line: u32::try_from(line).ok(),
                ..Finding::of(&path(at), "list-corrupt", "the line has no end: no line counts")
            },
            Told::BuiltinLine { line } => {
                let what =
                    format!("a line is no path of a module: '{}'", shown(line.trim_ascii_end()));
                Finding::of(&dir.join("modules.builtin"), "list-corrupt", what)
            }
            Told::Unreadable { path: at, why } => return self.unreadable(&path(at), why),
            Told::Cycle { names } => {
                let names: Vec<_> = names.iter().map(|name| shown(name)).collect();
                let what = format!(
                    "modules need one another, and none can be the first: {}",
                    names.join(" -> ")
                );
                Finding::of(dir, "cycle", what)
            }
            Told::UnmatchedBracket { alias } => {
                let what = format!("an alias has a bracket without its partner: {}", shown(alias));
                Finding::of(dir, "alias", what)
            }
            Told::DevnameWithoutNumbers { module, devname } => {
                let (module, devname) = (shown(module), shown(devname));
                let what = format!("{module} has a device node without numbers: {devname}");
                Finding::of(dir, "device-node", what)
            }
            Told::BadByte { index, text, .. } => {
                let what = format!("the format cannot hold an entry: {}", shown(text));
                Finding::of(&dir.join(index), "entry", what)
            }
            // Of symbols this crate knows more.
            _ => return,
        };
        self.findings.push(finding);
    }

    fn unreadable(&mut self, path: &Path, why: Unreadable) {
        let cause = match why {
            Unreadable::File(komod_file::Error::Io(error)) => {
                return self.unread.push((path.to_owned(), error));
            }
            Unreadable::File(komod_file::Error::TooShort { size: 0 }) => Cause::Empty,
            Unreadable::File(error @ komod_file::Error::TooShort { .. }) => {
                let what = format!("the file is no kernel module ({error})");
                return self.findings.push(Finding::of(path, "not-elf", what));
            }
            Unreadable::File(error) => Cause::Damaged { message: error.to_string() },
            Unreadable::Elf(error) => {
                let what = format!("the module is damaged ({error}); install its package again");
                return self.findings.push(Finding::of(path, MALFORMED, what));
            }
        };
        self.findings.push(Finding::why(path, &cause));
    }
}

/// Where a module contradicts itself; where the file has a reason, it is not told.
pub(crate) const MALFORMED: &str = "malformed";

fn path(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}
