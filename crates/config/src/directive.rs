//! The lines of `modprobe.d`(5), one type each.
//!
//! `module` and `pattern` are normalised as [`komod_name::alias`] does it: `_`
//! for `-` outside of brackets, dots kept.

use crate::Origin;
use crate::line::{Text, names};
use komod_name::matches;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// `alias PATTERN MODULE`: who asks for something that PATTERN, a glob,
/// matches, gets MODULE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// A glob.
    pub pattern: Vec<u8>,
    /// Taken as a module's name, never as another alias.
    pub module: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

/// `blacklist MODULE`: aliases do not load MODULE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklist {
    /// A name, no glob. May be empty (`modprobe.blacklist=,`).
    pub module: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

/// `options MODULE TEXT`, or `MODULE.TEXT` on the kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of a module or an alias, no glob.
    pub module: Vec<u8>,
    /// What the kernel gets, blanks before and behind included, tabs as
    /// blanks. May be empty (`MODULE.` on the kernel command line).
    pub options: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

/// `install MODULE TEXT` or `remove MODULE TEXT`: what to run instead of
/// loading or removing MODULE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// A glob; where names are resolved, taken as a name.
    pub module: Vec<u8>,
    /// For the shell, as written; `$CMDLINE_OPTS` not replaced.
    pub command: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

/// `softdep MODULE pre: NAME... post: NAME...`: to be loaded before and after
/// MODULE, if they can be.
#[derive(Debug, Clone)]
pub struct Softdep {
    /// What the line stands in: the whole file, or it alone. That is taken apart
    /// when it is asked for: a run asks for few of the many lines.
    text: Arc<[u8]>,
    /// Where the module's name is in it.
    module: Range<usize>,
    /// What stands behind the name and one blank.
    rest: Range<usize>,
    /// What the names that it holds for begin with, if that is one byte.
    first: Option<u8>,
    /// Whether it is from `modules.softdep` of the kernel's directory, which
    /// tells what the modules say themselves: the administrator's beat it.
    pub from_modules: bool,
    /// Where it is written.
    pub origin: Origin,
}

impl Softdep {
    /// The line for the module called `name` with the words `rest` behind it.
    pub(crate) fn new(
        file: &Text<'_>,
        name: Cow<'_, [u8]>,
        rest: &[u8],
        from_modules: bool,
        origin: Origin,
    ) -> Self {
        let written = match name {
            Cow::Borrowed(name) => file.place(name),
            Cow::Owned(_) => None,
        };
        let (text, module, rest) = match (written, file.place(rest)) {
            (Some(module), Some(rest)) => (file.shared(), module, rest),
            _ => {
                let text = [&*name, rest].concat();
                let end = text.len();
                (text.into(), 0..name.len(), name.len()..end)
            }
        };
        let first = name.first().copied().filter(|byte| !b"*?[\\".contains(byte));
        Self { text, module, rest, first, from_modules, origin }
    }

    /// Whether the line holds for `module`.
    pub(crate) fn holds_for(&self, module: &[u8]) -> bool {
        let differs = self.first.is_some_and(|first| Some(&first) != module.first());
        !differs && matches(self.module(), module)
    }

    /// A glob.
    pub fn module(&self) -> &[u8] {
        self.text.get(self.module.clone()).unwrap_or_default()
    }

    /// Names or aliases as written, not normalised; those of all `pre:`.
    pub fn pre(&self) -> impl Iterator<Item = &[u8]> {
        self.behind(b"pre:")
    }

    /// As [`Softdep::pre`], behind any `post:`.
    pub fn post(&self) -> impl Iterator<Item = &[u8]> {
        self.behind(b"post:")
    }

    /// What stands before the first label belongs to none.
    fn behind<'a>(&'a self, label: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut last: &[u8] = b"";
        names(self.text.get(self.rest.clone()).unwrap_or_default()).filter(
            move |word| match *word {
                b"pre:" | b"post:" => {
                    last = word;
                    false
                }
                _ => last == label,
            },
        )
    }

    /// What stands behind the module's name: `pre: A B post: C`, a list that
    /// is empty left out. Reads as the same directive.
    pub fn text(&self) -> Vec<u8> {
        let mut words: Vec<&[u8]> = Vec::new();
        for label in [&b"pre:"[..], b"post:"] {
            let mut list = self.behind(label).peekable();
            if list.peek().is_some() {
                words.push(label);
                words.extend(list);
            }
        }
        words.join(&b' ')
    }
}

impl PartialEq for Softdep {
    fn eq(&self, other: &Self) -> bool {
        let all = |it: &Self| (it.from_modules, it.origin.clone());
        self.module() == other.module()
            && self.text.get(self.rest.clone()) == other.text.get(other.rest.clone())
            && all(self) == all(other)
    }
}

impl Eq for Softdep {}

/// `weakdep MODULE NAME...`: may be of use to MODULE; never loaded for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakdep {
    /// A glob.
    pub module: Vec<u8>,
    /// Names or aliases as written, not normalised.
    pub weak: Vec<Vec<u8>>,
    /// Whether it is from `modules.weakdep` of the kernel's directory; see
    /// [`Softdep::from_modules`].
    pub from_modules: bool,
    /// Where it is written.
    pub origin: Origin,
}

impl Weakdep {
    /// What stands behind the module's name: the names with blanks between.
    pub fn text(&self) -> Vec<u8> {
        self.weak.join(&b' ')
    }
}
