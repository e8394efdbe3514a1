//! Which of two files with the same module name stays (`depmod.d`(5):
//! `override`, `search`).

use std::os::unix::ffi::OsStrExt;

use komod_config::{DepmodConfig, Origin, SearchWord};

use crate::found::Found;

/// Why one of two files of the same module is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule<'c> {
    /// An `override` line names one of them.
    Override(&'c Origin),
    /// `search` puts its place before the other's.
    Search,
    /// Nothing prefers one of them: its path comes first.
    First,
}

/// The administrator's order of places.
pub(crate) struct Ranking<'c> {
    config: &'c DepmodConfig,
    /// Lowest first: the place in this list is the rank.
    places: Vec<Place<'c>>,
    /// The rank of whatever no other place holds; -1 when `built-in` is not
    /// among the places.
    elsewhere: i32,
}

enum Place<'c> {
    Below(&'c [u8]),
    External(&'c [u8]),
    Elsewhere,
}

impl<'c> Ranking<'c> {
    pub(crate) fn new(config: &'c DepmodConfig) -> Self {
        let mut places = Vec::new();
        for word in config.search.iter().rev() {
            match word {
                SearchWord::Directory(dir) => places.push(Place::Below(dir)),
                SearchWord::BuiltIn => places.push(Place::Elsewhere),
                SearchWord::External => {
                    let dirs = config.externals.iter().rev();
                    places.extend(dirs.map(|e| Place::External(e.dir.as_os_str().as_bytes())));
                }
            }
        }
        let elsewhere = places.iter().rposition(|place| matches!(place, Place::Elsewhere));
        Self { config, places, elsewhere: elsewhere.map_or(-1, |at| at as i32) }
    }

    /// Whether `new`, found later, takes the place of `old`, and why it does or does not.
    ///
    /// When one and the same place holds both, the later one wins, as it
    /// always has; files are found in byte order of their paths.
    pub(crate) fn replaces(&self, new: &Found, old: &Found) -> (bool, Rule<'c>) {
        for chosen in self.config.overrides.iter().rev() {
            let names = |m: &Found| m.in_tree() && m.path_without_extension() == chosen.path;
            if names(new) {
                return (true, Rule::Override(&chosen.origin));
            }
            if names(old) {
                return (false, Rule::Override(&chosen.origin));
            }
        }
        let (mut new_rank, mut old_rank) = (self.elsewhere, self.elsewhere);
        for (rank, place) in self.places.iter().enumerate() {
            if place.holds(new) {
                new_rank = rank as i32;
            } else if place.holds(old) {
                old_rank = rank as i32;
            }
        }
        let rule = if new_rank == old_rank { Rule::First } else { Rule::Search };
        (new_rank > old_rank, rule)
    }
}

impl Place<'_> {
    fn holds(&self, module: &Found) -> bool {
        match self {
            Place::Below(dir) => module.in_tree() && is_below(module.listed(), dir),
            Place::External(dir) => !module.in_tree() && is_below(module.listed(), dir),
            Place::Elsewhere => false,
        }
    }
}

/// Whether `path` starts with all components of `dir`.
fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.first() == Some(&b'/'))
}
