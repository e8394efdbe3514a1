//! What depmod keeps of a tree from one run to the next, and whether it may.

use std::path::{Path, PathBuf};

use komod_cache::{DEFAULT, Module, Place, Tree, name_of};
use komod_config::{DepmodConfig, SearchWord};
use komod_depmod::{Database, Finding, Loaded, OutputFile, Survey, remember, scan_again};

use super::findings::{Teller, config_warnings};
use super::{Options, configuration, no_database};
use crate::cli::Given;
use crate::tools::exposed::Watch;

/// The directory that the command line asks for; `None` where nothing is kept. By itself
/// it is only root's, for the modules of the running system.
pub(super) fn directory(given: &Given) -> Option<PathBuf> {
    if given.flag("no-cache") {
        return None;
    }
    let elsewhere = ["basedir", "moduledir", "outdir"].iter().any(|id| given.value(id).is_some());
    let default = || (!elsewhere && komod_cache::is_root()).then(|| PathBuf::from(DEFAULT));
    given.value("cache").map(PathBuf::from).or_else(default)
}

/// The cache of one tree. Nothing that goes wrong with it is an error: depmod then does
/// without.
pub(super) struct Cache {
    place: Place,
    name: String,
}

/// What a look at the tree tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The database is as a run would leave it.
    Same,
    /// It is not, or not for certain.
    Changed,
    /// Nothing is known about it.
    Unknown,
}

/// The bytes of what the last run saw.
pub(super) struct Kept {
    bytes: Vec<u8>,
}

/// Only its owner reads what serves depmod alone.
const MODE: u32 = 0o600;

impl Cache {
    /// `None` if there is none, or the run is one that always reads all: it has more to
    /// say about modules than is kept, or makes no database of the tree.
    pub(super) fn of(options: &Options) -> Option<Self> {
        let plain = options.modules.is_empty()
            && options.kernel.is_none()
            && !(options.errsyms || options.show || options.warn || options.trace);
        let place = Place::make(options.cache.as_deref().filter(|_| plain)?)?;
        Some(Self { place, name: name_of(&options.dir) })
    }

    /// Whether there is anything to do. The look takes no turn, writes nothing that
    /// others read, and if there is something says nothing.
    pub(super) fn look(&self, options: &Options, teller: &mut Teller<'_, '_>) -> Look {
        let Some(kept) = self.bytes() else { return Look::Unknown };
        let Some(old) = Tree::parse(&kept) else { return Look::Unknown };
        let config = configuration(options);
        let mut survey = Survey::new(Some(&old));
        survey.note_inputs(&options.dir);
        let mut told = false;
        let mut sink = |_: Finding<'_>| told = true;
        let same = *old.settings == *settings(options, &config)
            && scan_again(&options.dir, &config, &mut survey, &mut sink).is_ok()
            && survey.holds(&options.out_dir)
            // What is odd about the tree has to be told again, but interests nobody who
            // asks for a quick look.
            && (options.quick || (old.quiet && !told && !is_exposed(options, &config, &survey)));
        if same {
            config_warnings(teller.report, &config.warnings);
            if let Some(bytes) = survey.refreshed(&options.out_dir).and_then(|tree| tree.to_bytes())
            {
                self.put("tree", &bytes);
            }
            return Look::Same;
        }
        if options.quick {
            if let Err(error) = std::fs::metadata(options.dir.join("modules.dep")) {
                no_database(options, &error, teller);
            }
        }
        Look::Changed
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        self.place.read(&self.file("tree"))
    }

    /// What the last run left, if its settings were those of this one.
    pub(super) fn kept(&self, options: &Options, config: &DepmodConfig) -> Option<Kept> {
        let kept = Kept { bytes: self.bytes()? };
        let same = kept.tree().is_some_and(|old| *old.settings == *settings(options, config));
        same.then_some(kept)
    }

    /// What the modules said in the last run.
    pub(super) fn facts(&self) -> Option<Vec<u8>> {
        self.place.read(&self.file("facts"))
    }

    /// Keeps what this run has seen. `settings` are its own, and whether it had nothing
    /// to tell; `published` are the files, and where they are.
    pub(super) fn keep(
        &self,
        database: &Database<'_>,
        loaded: &Loaded,
        survey: &mut Survey<'_>,
        (settings, quiet): (&[u8], bool),
        published: (&Path, &[OutputFile]),
    ) {
        let facts = remember(database.catalog, database.symbols);
        let facts = facts.and_then(|(bytes, sum)| {
            self.put("facts", &bytes)?;
            Some(sum)
        });
        let modules = database.catalog.iter().zip(&loaded.files);
        let modules = modules.map(|((_, module), (known, whole))| {
            let (path, known) = (module.found.path(), *known);
            Module { path, known, whole: *whole && facts.is_some() }
        });
        let facts = facts.unwrap_or(0);
        let tree = survey.finish(settings, quiet, facts, modules.collect(), published);
        if let Some(bytes) = tree.and_then(|tree| tree.to_bytes()) {
            self.put("tree", &bytes);
        }
    }

    fn put(&self, what: &str, bytes: &[u8]) -> Option<()> {
        self.place.replace(&self.file(what), MODE, bytes)
    }

    fn file(&self, what: &str) -> String {
        format!("{}.{what}", self.name)
    }
}

impl Kept {
    /// What the last run saw.
    pub(super) fn tree(&self) -> Option<Tree<'_>> {
        Tree::parse(&self.bytes)
    }
}

/// Whether root would have to be told that others can change what it runs, as far as
/// that could have come without a change of the tree.
fn is_exposed(options: &Options, config: &DepmodConfig, survey: &Survey<'_>) -> bool {
    if !options.own_tree {
        return false;
    }
    let mut watch = Watch::new(true);
    let external = config.externals.iter().map(|external| external.dir.clone());
    let outside = options.search.paths.iter().cloned().chain(external).chain(survey.links());
    outside.chain([options.dir.clone()]).any(|path| !watch.look(&path).is_empty())
}

/// All that decides about the database beside the files below the directory: the program,
/// the paths, the options and what the administrator wrote, not where.
pub(super) fn settings(options: &Options, config: &DepmodConfig) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u8, text: &[u8]| {
        all.push(kind);
        all.extend((text.len() as u64).to_le_bytes());
        all.extend(text);
    };
    add(b'V', env!("CARGO_PKG_VERSION").as_bytes());
    add(b'd', options.dir.as_os_str().as_encoded_bytes());
    add(b'o', options.out_dir.as_os_str().as_encoded_bytes());
    add(b'P', options.prefix.as_slice());
    let DepmodConfig { search, overrides, externals, excludes, .. } = config;
    for word in search {
        match word {
            SearchWord::Directory(path) => add(b's', path),
            SearchWord::BuiltIn => add(b'b', b""),
            SearchWord::External => add(b'e', b""),
        }
    }
    for line in overrides {
        add(b'O', &line.path);
    }
    for line in externals {
        add(b'E', line.dir.as_os_str().as_encoded_bytes());
    }
    for name in excludes {
        add(b'x', name);
    }
    all
}
