//! What depmod keeps of a tree from one run to the next, and whether it may.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use komod_cache::{Bytes, DEFAULT, Key, Place, Tale, Told, Tree, is_open, name_of, tell_apart};
use komod_config::{DepmodConfig, DepmodFile, SearchWord};
use komod_depmod::{
    Database, Loaded, Look, OutputFile, Recall, Remembered, Survey, links, look, remember,
    survive_size_limit,
};

use super::{Options, configuration};
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

/// What the last run saw of a tree; nothing if that is not known.
#[derive(Debug, Default)]
pub(super) struct Left(Option<Bytes>);

impl Left {
    /// The same, to be used.
    pub(super) fn tree(&self) -> Option<Tree<'_>> {
        Tree::parse(self.0.as_ref()?)
    }
}

/// What a look at the tree told of what the last run left.
#[derive(Debug, Default)]
pub(super) struct Kept<'o> {
    /// What that run saw.
    pub old: Option<&'o Tree<'o>>,
    /// Which parts of it are as they were.
    pub look: Look,
    /// The database is as a run would leave it.
    pub same: bool,
    /// So it is, and there is something odd about the tree, which a quick look tells too.
    pub odd: bool,
    /// What the administrator decided.
    pub config: DepmodConfig,
}

/// The endings of the files that modinfo reads.
pub(in crate::tools) const TOLD: [&str; 2] = ["modinfo", "modinfo-later"];

/// The endings of the files of what modules say to depmod.
const FACTS: &str = "facts";
const LATER: &str = "later";

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

    /// What the last run left.
    pub(super) fn left(&self) -> Left {
        Left(self.place.read(&self.file("tree")))
    }

    /// Looks whether there is anything to do.
    pub(super) fn look<'o>(&self, old: &'o Tree<'o>, options: &Options) -> Kept<'o> {
        let config = configuration(options);
        let mut kept = Kept { old: Some(old), config, ..Kept::default() };
        let config = &kept.config;
        let known = !config.lost && *old.settings == *settings(options, config);
        if known && self.has_tales(old) {
            let found = look(old, config, (&options.dir, &options.out_dir));
            // What is odd about the tree has to be told again.
            let silent = old.quiet && !found.told && !is_exposed(options, config, old);
            kept.same = found.same && (options.quick || silent);
            kept.odd = kept.same && !silent;
            let better = found.better(old).filter(|_| kept.same);
            if let Some(bytes) = better.and_then(|tree| tree.to_bytes()) {
                survive_size_limit();
                self.put("tree", &bytes);
            }
            kept.look = found;
        }
        kept
    }

    /// What the modules said in the last run: most of them, and those that came later.
    pub(super) fn facts(&self, old: &Tree<'_>) -> Option<(Bytes, Option<Bytes>)> {
        let [_, later] = old.facts;
        let later = if later == 0 { None } else { self.place.read(&self.file(LATER)) };
        Some((self.place.read(&self.file(FACTS))?, later))
    }

    /// Keeps what this run has seen, which was read as `loaded` says, with what `recall`
    /// remembers. `settings` are its own, and whether it had nothing to tell; `published`
    /// are the files, and where they are; `kept` is what there was before.
    pub(super) fn keep(
        &self,
        database: &Database<'_>,
        (loaded, recall): (&Loaded, Option<&Recall<'_>>),
        survey: &mut Survey<'_>,
        (settings, quiet): (&[u8], bool),
        (out_dir, files, kept): (&Path, &[OutputFile], &Look),
    ) {
        let (catalog, symbols) = (database.catalog, database.symbols);
        let remembered = remember(catalog, symbols, &loaded.files, recall);
        let facts = remembered.and_then(|Remembered { large, later, places, sums }| {
            for (name, bytes) in [(FACTS, large), (LATER, later)] {
                bytes.map_or(Some(()), |bytes| self.put(name, &bytes))?;
            }
            Some((sums, places))
        });
        let told = self.tell(database, loaded, survey.is_closed()).is_some();
        let (sums, places) = facts.unwrap_or_default();
        let kept = (out_dir, files, kept);
        let seen = (catalog, loaded);
        let tree = survey.finish((settings, quiet), (sums, &places, told), seen, kept);
        if let Some(bytes) = tree.and_then(|tree| tree.to_bytes()) {
            self.put("tree", &bytes);
        }
    }

    /// Removes what is kept of the modules of kernels that are gone.
    pub(super) fn forget_others(&self, options: &Options) {
        let (Some(cache), Some(modules)) = (&options.cache, options.dir.parent()) else { return };
        let names = std::fs::read_dir(cache).into_iter().flatten().flatten();
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            if directory_of(&name, modules).is_some_and(|dir| !dir.exists()) {
                self.place.remove(&name);
            }
        }
    }

    /// Keeps what packed modules tell about themselves; `None` if it cannot. Below the
    /// database's directory all are open, unless one is `closed`.
    fn tell(&self, database: &Database<'_>, loaded: &Loaded, closed: bool) -> Option<()> {
        let new: Vec<(Key, Tale<'_>)> = loaded
            .tales
            .iter()
            .map(|(key, tale)| (*key, Tale { modinfo: &tale.modinfo, end: &tale.end }))
            .collect();
        let fresh: HashSet<Key> = new.iter().map(|(key, _)| *key).collect();
        let told = loaded.files.iter().filter(|file| file.told);
        let keys = told.filter_map(|file| Some(file.known?.key));
        let kept: Vec<Key> = keys.filter(|key| !fresh.contains(key)).collect();
        if new.is_empty() && kept.is_empty() {
            return Some(());
        }
        // Who may not look into a module's directory may not read here either.
        let told = database.catalog.iter().zip(&loaded.files).filter(|(_, file)| file.told);
        let paths = told.map(|((_, module), _)| module.found.path());
        let below = [database.dir.as_os_str().as_bytes(), b"/"].concat();
        let asked = paths.filter(|path| closed || !path.starts_with(&below));
        let mode = if are_open(asked.chain([&*below])) { 0o644 } else { MODE };
        let [first, second] = TOLD.map(|what| self.file(what));
        tell_apart((&self.place, [&first, &second], mode), &kept, &new)
    }

    /// Whether the tales that there should be are there.
    fn has_tales(&self, tree: &Tree<'_>) -> bool {
        !tree.modules.iter().any(|module| module.told)
            || Told::open(&self.place, &self.file(TOLD[0])).is_some()
    }

    fn put(&self, what: &str, bytes: &[u8]) -> Option<()> {
        self.place.replace(&self.file(what), MODE, bytes)
    }

    fn file(&self, what: &str) -> String {
        format!("{}.{what}", self.name)
    }
}

/// The directory in `modules` for which a file of this name is kept, if it is one.
fn directory_of(name: &str, modules: &Path) -> Option<PathBuf> {
    // VERSION.SUM.WHAT, and `.new` behind it while it is written.
    let (front, _) = name.strip_suffix(".new").unwrap_or(name).rsplit_once('.')?;
    let (version, _) = front.rsplit_once('.')?;
    let directory = modules.join(version);
    (name_of(&directory) == front).then_some(directory)
}

/// Whether all directories on the ways to `paths`, which begin at the root, are open. Each
/// is looked at once.
fn are_open<'p>(paths: impl Iterator<Item = &'p [u8]>) -> bool {
    let mut seen = HashSet::new();
    for mut path in paths {
        // Of one that was seen all above have been.
        while let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            path = path.get(..slash).unwrap_or_default();
            if !seen.insert(path) {
                break;
            }
            let open = |data: Metadata| is_open(data.mode());
            let dir = Path::new(OsStr::from_bytes(path));
            if !path.is_empty() && !std::fs::metadata(dir).is_ok_and(open) {
                return false;
            }
        }
    }
    true
}

/// Whether root would have to be told that others can change what it runs, as far as
/// that could have come without a change of the tree.
fn is_exposed(options: &Options, config: &DepmodConfig, old: &Tree<'_>) -> bool {
    if !options.own_tree {
        return false;
    }
    let mut watch = Watch::new(true);
    let external = config.externals.iter().map(|external| external.dir.clone());
    let outside = options.search.paths.iter().cloned().chain(external).chain(links(old));
    outside.chain([options.dir.clone()]).any(|path| !watch.look(&path).is_empty())
}

/// All that decides about the database beside the files below the directory: the program,
/// the paths, the options and what the administrator wrote, not where; and who else may
/// write it, which is told.
pub(super) fn settings(options: &Options, config: &DepmodConfig) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u8, text: &[u8]| {
        all.push(kind);
        all.extend((text.len() as u64).to_le_bytes());
        all.extend(text);
    };
    add(b'V', env!("CARGO_PKG_VERSION").as_bytes());
    // One that was mended may have the same version. By its path: measuring tools are the
    // program that runs.
    if let Ok(program) = std::env::current_exe().and_then(std::fs::metadata) {
        add(b'p', &Key::of(&program).to_bytes());
    }
    add(b'd', options.dir.as_os_str().as_encoded_bytes());
    add(b'o', options.out_dir.as_os_str().as_encoded_bytes());
    add(b'P', options.prefix.as_slice());
    let DepmodConfig { search, overrides, externals, excludes, files, .. } = config;
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
    // Who may write these is told, and no look is taken at them for that alone.
    let others = |file: &&DepmodFile| file.owner != 0 || file.mode & 0o022 != 0;
    let told = files.iter().filter(|file| options.own_tree && others(file));
    for DepmodFile { owner, group, mode, changed, .. } in told {
        add(b'f', &[*owner, *group, *mode].map(u32::to_le_bytes).concat());
        // An access list may grant root's group's rights to others.
        if *group == 0 && mode & 0o020 != 0 {
            add(b'c', &[changed.0, changed.1].map(i64::to_le_bytes).concat());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_may_write_the_configuration_is_seen_without_a_look() {
        let options = Options {
            dir: "/m".into(),
            out_dir: "/m".into(),
            version: "6.1".into(),
            modules: Vec::new(),
            quick: false,
            search: komod_config::Search::only(Vec::new()),
            errsyms: false,
            kernel: None,
            prefix: None,
            jobs: std::num::NonZeroUsize::MIN,
            jobs_given: false,
            cache: None,
            show: false,
            warn: false,
            trace: false,
            own_tree: true,
        };
        let of = |owner, group, mode, changed| {
            let path = "/etc/depmod.d/x.conf".into();
            let files = vec![DepmodFile { path, owner, group, mode, changed: (changed, 0) }];
            settings(&options, &DepmodConfig { files, ..DepmodConfig::default() })
        };
        let roots = of(0, 0, 0o100_644, 1);
        assert_eq!(roots, of(0, 0, 0o100_644, 2));
        assert_ne!(roots, of(0, 0, 0o100_646, 1));
        assert_ne!(roots, of(0, 7, 0o100_664, 1));
        assert_ne!(roots, of(7, 0, 0o100_644, 1));
        // What an access list grants may change, and the mode does not tell.
        assert_ne!(of(0, 0, 0o100_664, 1), of(0, 0, 0o100_664, 2));
    }

    #[test]
    fn a_file_of_the_cache_names_its_directory() {
        let modules = Path::new("/lib/modules");
        let name = name_of(Path::new("/lib/modules/6.1.0-13-amd64"));
        for what in ["tree", TOLD[1], "tree.new"] {
            let found = directory_of(&format!("{name}.{what}"), modules);
            assert_eq!(found.as_deref(), Some(Path::new("/lib/modules/6.1.0-13-amd64")), "{what}");
        }
        let elsewhere = name_of(Path::new("/srv/lib/modules/6.1.0-13-amd64"));
        for name in [&elsewhere, "", "6.1.0", "6.1.0.0123456789abcdef", "..", "README.md"] {
            assert_eq!(directory_of(&format!("{name}.tree"), modules), None, "{name}");
        }
    }
}
