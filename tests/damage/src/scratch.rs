//! A small module directory that can be damaged file by file.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use komod_cache::{
    Directory, Entry, EntryKind, FactsPlace, FactsWriter, Key, Known, Module as CachedModule,
    Output, Place, Tale, Tree as CachedTree, Want, tell_apart,
};
use komod_config::{DepmodConfig, Search};
use komod_depmod::{
    Checks, Database, Finding, Graph, KernelSymbols, OutputFile, Reading, Symbols, load_modules,
    scan, sort_modules,
};
use komod_fixtures::{ModuleSpec, Tree};

/// The kernel release of the tree.
pub const RELEASE: &str = "6.1.0-test";

/// A root with `lib/modules/RELEASE` in it; goes when it is dropped.
pub struct Scratch {
    root: tempfile::TempDir,
    modules: PathBuf,
}

impl Scratch {
    /// The tree as the fixtures make it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a scratch directory");
        let a = ModuleSpec::new("a").export("a_fn", 1).export("a_fp", 2).needs("b_fn");
        let b = ModuleSpec::new("b").export("b_fn", 3).modinfo("alias", "pci:v00008086d*[1-3a]b*");
        let c = ModuleSpec::new("c-d").needs("a_fn").modinfo("softdep", "pre: a post: b");
        let modules = Tree::new(RELEASE)
            .module("kernel/a.ko", &a.modinfo("alias", "pci:v00008086d00001234"))
            .module("kernel/b.ko.xz", &b.modinfo("alias", "usb:v?d*"))
            .module("extra/c-d.ko.zst", &c.modinfo("weakdep", "b").modinfo("alias", "fs-c"))
            .module(
                "kernel/tun.ko.gz",
                &ModuleSpec::new("tun")
                    .modinfo("alias", "char-major-10-200")
                    .modinfo("alias", "devname:net/tun"),
            )
            .order(["kernel/b.ko", "kernel/a.ko", "kernel/tun.ko"])
            .builtin(["kernel/fs/ext4/ext4.ko", "kernel/lib/crc-t10dif.ko"])
            .builtin_modinfo([
                "ext4.license=GPL",
                "ext4.alias=fs-ext4",
                "crc_t10dif.alias=crypto-*",
            ])
            .write(root.path())
            .expect("a scratch tree");
        Self { root, modules }
    }

    /// The root, as `-b` and `-d` want it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The module directory.
    pub fn modules(&self) -> &Path {
        &self.modules
    }

    /// The bytes of a list in the module directory.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn list(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.modules.join(name)).expect("a list of the tree")
    }

    /// A packed module.
    pub fn packed(&self) -> PathBuf {
        self.modules.join("kernel/b.ko.xz")
    }

    /// Where the program keeps what it saw.
    pub fn cache_dir(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// What depmod keeps of a run, by its files: those of the program, if it has made any,
    /// else files of the same kinds.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn cache(&self) -> Vec<(String, Vec<u8>)> {
        if let Ok(entries) = std::fs::read_dir(self.cache_dir()) {
            let paths = entries.flatten().map(|entry| entry.path());
            let read = |path: PathBuf| {
                let bytes = std::fs::read(&path).expect("a file of the cache");
                (path.to_string_lossy().into_owned(), bytes)
            };
            let mut files: Vec<_> = paths.map(read).collect();
            files.sort();
            return files;
        }
        let mut writer = FactsWriter::new(2);
        let name = |number| [&b"a_fn"[..], b"b_fn"][number as usize];
        let want = Want { name: 1, weak: true, cut: [true, false] };
        let texts = [(0, &b"pci:v00008086d*"[..]), (1, b"pre: a")];
        writer.module([0].into_iter(), [want].into_iter(), texts.into_iter(), name);
        let (facts, sum) = writer.finish().expect("a small file");
        let key = Key::of(&std::fs::metadata(self.packed()).expect("a module"));
        let known = Known { key, settled: true };
        let place = Some(FactsPlace { later: false, place: 0 });
        let entry = |name: &'static [u8], kind, module: Option<u32>| {
            let (name, link) = (name.into(), module.is_none());
            Entry { name, kind, link, module }
        };
        let entries = vec![
            entry(b"b.ko.xz", EntryKind::Module, Some(0)),
            entry(b"c/", EntryKind::Directory, None),
        ];
        let tree = CachedTree {
            settings: b"settings"[..].into(),
            quiet: true,
            facts: [sum, 0],
            inputs: vec![Some(known), None],
            outputs: vec![Output { known, sum: 7 }],
            directories: vec![Directory { path: b"/kernel", known, entries }],
            modules: vec![
                CachedModule { known: Some(known), facts: place, told: true },
                CachedModule { known: None, facts: None, told: false },
            ],
        };
        let tree = tree.to_bytes().expect("a small file");
        let cache = Place::make(&self.root.path().join("told")).expect("a scratch directory");
        let tale = Tale { modinfo: b"license=GPL\0", end: b"the end" };
        tell_apart((&cache, ["a", "b"], 0o600), &[], &[(key, tale)]).expect("a small file");
        let told = cache.read("a").expect("a small file").to_vec();
        [("facts", facts), ("told", told), ("tree", tree)]
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .to_vec()
    }

    /// Calls `then` while the file at `path` in the module directory holds `bytes`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn with<T>(&self, path: &str, bytes: &[u8], then: impl FnOnce() -> T) -> T {
        let path = self.modules.join(path);
        let before = std::fs::read(&path).ok();
        std::fs::write(&path, bytes).expect("a file of the tree");
        let back = Back { path, before };
        let answer = then();
        drop(back);
        answer
    }

    /// What depmod makes of the tree, symbols of the kernel and all.
    ///
    /// # Panics
    /// When the tree cannot be read.
    pub fn database(&self) -> Vec<OutputFile> {
        let sink = &mut |_: Finding<'_>| {};
        let search = Search::only(vec![self.modules.join("depmod.conf")]);
        let config = DepmodConfig::load(&search, RELEASE.as_bytes());
        let mut symbols = Symbols::default();
        KernelSymbols::from_symvers(b"0x1 printk vmlinux\n", b"symvers", None, sink)
            .enter(&mut symbols);
        let found = scan(&self.modules, &config, sink).expect("a tree");
        let mut catalog = sort_modules(found, &self.modules, sink);
        let how = Reading {
            workers: NonZeroUsize::MIN,
            prefix: None,
            checks: true,
            more_if_waiting: false,
            tales: false,
        };
        load_modules(&mut catalog, &mut symbols, how, sink);
        let checks = Checks { unknown: true, versions: true };
        let Ok(graph) = Graph::resolve(&catalog, &symbols, checks, sink) else {
            return Vec::new();
        };
        let (catalog, symbols, graph) = (&catalog, &symbols, &graph);
        let dir = &self.modules;
        let database = Database { catalog, symbols, graph, dir, tell_duplicates: true };
        std::hint::black_box(database.text(sink));
        database.files(std::num::NonZeroUsize::MIN, None, sink).unwrap_or_default()
    }
}

/// Puts a file back as it was, also when a question panicked.
struct Back {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl Drop for Back {
    fn drop(&mut self) {
        let _ = match &self.before {
            Some(bytes) => std::fs::write(&self.path, bytes),
            None => std::fs::remove_file(&self.path),
        };
    }
}
