//! What is known of module files after they were read.

use komod_cache::{FactsPlace, Key, Known};

/// What is known of the files of a catalog's modules after they were read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// In module order.
    pub files: Vec<LoadedFile>,
    /// What packed modules tell about themselves, of those that were read, may be read by
    /// all, and whose keys can be relied on.
    pub tales: Vec<(Key, OwnTale)>,
}

/// The file of a module.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadedFile {
    /// What is known of it; `None` if it has vanished.
    pub known: Option<Known>,
    /// Whether it could be read.
    pub whole: bool,
    /// Where its facts are, if they are kept since an earlier run.
    pub facts: Option<FactsPlace>,
    /// Whether there is a tale of it, new or kept.
    pub told: bool,
    /// Its place among the modules of the last run, if it is as it was then.
    pub place: Option<u32>,
}

/// What a module tells about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTale {
    /// Its `.modinfo` section.
    pub modinfo: Vec<u8>,
    /// The end of its bytes, with all of a signature.
    pub end: Vec<u8>,
}
