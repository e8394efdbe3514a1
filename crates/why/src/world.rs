//! A machine for tests: a module directory, its indexes, `/proc` and `/sys`.

use std::path::PathBuf;

use komod_fixtures::ModuleSpec;
use komod_index::Builder;
use komod_name::ModuleName;
use komod_probe::Database;
use tempfile::TempDir;

use crate::{Finding, KernelFacts, Way, preflight};

pub(crate) const MAGIC: &str = "6.1.0-test SMP preempt mod_unload modversions ";

pub(crate) struct World {
    pub(crate) root: TempDir,
    dep: Vec<(String, String)>,
    symbols: Vec<(String, String)>,
}

/// A module as this kernel's build makes it.
pub(crate) fn own(name: &str) -> ModuleSpec {
    plain(name).modinfo("intree", "Y")
}

/// A module that fits the kernel, from elsewhere.
pub(crate) fn plain(name: &str) -> ModuleSpec {
    ModuleSpec::new(name)
        .modinfo("license", "GPL")
        .modinfo("vermagic", MAGIC)
        .section(".gnu.linkonce.this_module", vec![0; 64])
        .version("module_layout", 0x1111)
        .needs("printk")
        .version("printk", 0x2222)
}

impl World {
    /// A kernel with one module of its own, `reference`, and the list of its exports.
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        let mut world = Self { root, dep: Vec::new(), symbols: Vec::new() };
        world.module("kernel/reference.ko", &own("reference").build(), &[]);
        world.file(
            "lib/modules/6.1.0-test/build/Module.symvers",
            b"0x00002222\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n\
            0x00003333\tgpl_thing\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
            0x00004444\tspaced\tvmlinux\tEXPORT_SYMBOL\tSPACE\n",
        );
        world
    }

    /// Writes a module of the tree that exports `symbols`.
    pub(crate) fn module(&mut self, path: &str, bytes: &[u8], symbols: &[&str]) -> PathBuf {
        let name = ModuleName::of_path(path.as_bytes()).to_string();
        self.dep.push((name.clone(), format!("{path}:")));
        let symbol = |symbol: &&str| (format!("symbol:{symbol}"), name.clone());
        self.symbols.extend(symbols.iter().map(symbol));
        self.file(&format!("lib/modules/6.1.0-test/{path}"), bytes)
    }

    pub(crate) fn file(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn database(&self) -> Database {
        let dir = self.root.path().join("lib/modules/6.1.0-test");
        for (name, pairs) in [("dep", &self.dep), ("symbols", &self.symbols)] {
            let mut index = Builder::new();
            for (priority, (key, value)) in (0..).zip(pairs) {
                index.insert(key.as_bytes(), value.as_bytes(), priority).unwrap();
            }
            let bytes = index.finish().unwrap();
            std::fs::write(dir.join(format!("modules.{name}.bin")), bytes).unwrap();
        }
        Database::new(dir)
    }

    /// What keeps the module of these bytes out.
    pub(crate) fn look(&self, bytes: &[u8], way: Way<'_>) -> Vec<Finding> {
        let path = self.file("root/a.ko", bytes);
        let database = self.database();
        let kernel = KernelFacts::running("6.1.0-test".as_ref(), &database, self.root.path());
        preflight(&path, &kernel, way)
    }

    /// The same as lines.
    pub(crate) fn lines(&self, bytes: &[u8]) -> Vec<String> {
        let way = Way { alone: true, ..Way::default() };
        self.look(bytes, way).iter().map(ToString::to_string).collect()
    }
}
