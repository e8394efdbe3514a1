//! The lines of `modprobe.d`(5), one type each.
//!
//! `module` and `pattern` are normalised as [`komod_name::alias`] does it: `_`
//! for `-` outside of brackets, dots kept.

use crate::Origin;
use crate::line::names;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softdep {
    /// The module's name, then what stands behind it and one blank. That is
    /// taken apart when it is asked for: a run asks for few of the many lines.
    words: Vec<u8>,
    /// How long the name is.
    name: usize,
    /// Whether it is from `modules.softdep` of the kernel's directory, which
    /// tells what the modules say themselves: the administrator's beat it.
    pub from_modules: bool,
    /// Where it is written.
    pub origin: Origin,
}

impl Softdep {
    /// The line for `module` with the words `rest` behind it.
    pub(crate) fn new(module: &[u8], rest: &[u8], from_modules: bool, origin: Origin) -> Self {
        let mut words = Vec::with_capacity(module.len().saturating_add(rest.len()));
        words.extend_from_slice(module);
        words.extend_from_slice(rest);
        Self { words, name: module.len(), from_modules, origin }
    }

    /// A glob.
    pub fn module(&self) -> &[u8] {
        self.words.get(..self.name).unwrap_or_default()
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
        names(self.words.get(self.name..).unwrap_or_default()).filter(move |word| match *word {
            b"pre:" | b"post:" => {
                last = word;
                false
            }
            _ => last == label,
        })
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
