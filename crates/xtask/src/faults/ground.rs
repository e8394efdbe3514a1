//! A module directory in which something has changed since depmod ran.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::RwLock;

use komod_depmod::file_names;
use komod_fixtures::{ModuleSpec, Tree};

use super::read;
use crate::outcome::Stop;
use crate::programs;

/// The kernel's release.
pub const RELEASE: &str = "6.1.0-faults";
/// Where depmod's configuration is, below the base.
const CONFIG: &str = "depmod.d";
/// Modules that are there before and after.
pub const STABLE: usize = 24;
/// The alias that one module had before and another has now.
pub const MOVED_ALIAS: &str = "moved-alias";
/// What was built in and is a module now.
pub const TURNED: &str = "turned";
/// A new module, which has a soft dependency.
pub const WITH_SOFTDEP: &str = "new_soft";

/// The directory whose `stable_3` is taken.
const OVERRIDDEN: &str = "kernel/z_overridden";

/// Each file of the database, by its name.
pub type Set = BTreeMap<&'static str, Vec<u8>>;

/// What one file of the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// The old one.
    Old,
    /// The new one.
    New,
    /// The same in both sets.
    Same,
    /// None of the two: lost, or damaged.
    Broken,
}

/// The directory, and the databases that belong to it before and after the
/// change. Its modules are those after the change.
pub struct Ground {
    /// For `-b`, and modprobe's `-d`.
    pub base: PathBuf,
    /// The module directory.
    pub dir: PathBuf,
    /// The database of before.
    pub old: Set,
    /// The one that depmod makes now.
    pub new: Set,
    /// Names of the directory that are no part of the database.
    others: Vec<String>,
    /// komod.
    pub program: PathBuf,
    /// Where depmod keeps what modules say, if it shall.
    cache: Option<PathBuf>,
    /// Held while the old database is put back, by hand and in no careful order:
    /// readers have to look away.
    pub looking: RwLock<()>,
}

impl Ground {
    /// Makes the directory below `scratch` and both databases by `program`.
    pub fn prepare(scratch: &Path, program: &Path) -> Result<Self, Stop> {
        let base = scratch.join("base");
        let here = || Stop::io(base.display().to_string());
        let dir = before().write(&base).map_err(here())?;
        let mut ground = Self {
            dir,
            old: Set::new(),
            new: Set::new(),
            others: Vec::new(),
            program: program.into(),
            cache: None,
            looking: RwLock::new(()),
            base,
        };
        programs::run(&mut ground.depmod())?;
        ground.old = ground.set()?;
        let base = ground.base.clone();
        after().write(&base).map_err(Stop::io(base.display()))?;
        programs::run(&mut ground.depmod())?;
        ground.new = ground.set()?;
        let same: Vec<_> = file_names().filter(|n| ground.old[n] == ground.new[n]).collect();
        if !same.is_empty() {
            return Err(Stop::Failed(format!("nothing has changed in {same:?}")));
        }
        ground.others = ground.names()?;
        ground.others.retain(|name| !ground.old.contains_key(name.as_str()));
        Ok(ground)
    }

    /// The same, where depmod remembers in `cache` what modules say.
    pub fn with_cache(mut self, cache: &Path) -> Result<Self, Stop> {
        fs::create_dir(cache).map_err(Stop::io(cache.display()))?;
        self.cache = Some(cache.into());
        Ok(self)
    }

    /// `depmod` of the whole directory.
    pub fn depmod(&self) -> Command {
        let mut command = self.tool("depmod");
        command.arg("-b").arg(&self.base).arg("-C").arg(self.base.join(CONFIG));
        command.args(self.cache.iter().flat_map(|cache| ["--cache".as_ref(), cache.as_os_str()]));
        command.arg(RELEASE);
        command
    }

    /// What is wrong with the cache: that nothing is kept in it.
    pub fn wrong_with_the_cache(&self) -> Result<Option<String>, Stop> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let kept = fs::read_dir(cache).map_err(Stop::io(cache.display()))?.next().is_some();
        Ok((!kept).then(|| format!("{}: nothing is kept", cache.display())))
    }

    /// A tool of komod.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg0(name);
        command
    }

    /// Puts the old database back and takes everything else away that is not the
    /// directory's own.
    pub fn turn_back(&self) -> Result<(), Stop> {
        let _nobody_looks = self.looking.write();
        for name in self.leftovers()? {
            let path = self.dir.join(name);
            fs::remove_file(&path).map_err(Stop::io(path.display()))?;
        }
        for (name, contents) in &self.old {
            let path = self.dir.join(name);
            fs::write(&path, contents).map_err(Stop::io(path.display()))?;
        }
        Ok(())
    }

    /// What each file is now.
    pub fn state(&self) -> Result<BTreeMap<&'static str, Is>, Stop> {
        let mut state = BTreeMap::new();
        for name in file_names() {
            let found = read(&self.dir.join(name))?;
            let is = |set: &Set| found.as_ref() == set.get(name);
            state.insert(
                name,
                match (is(&self.old), is(&self.new)) {
                    (true, true) => Is::Same,
                    (true, false) => Is::Old,
                    (false, true) => Is::New,
                    (false, false) => Is::Broken,
                },
            );
        }
        Ok(state)
    }

    /// What is wrong with the directory, where a complete run should have ended.
    pub fn wrong_after_a_run(&self) -> Result<Vec<String>, Stop> {
        let state = self.state()?;
        let mut wrong: Vec<String> = state
            .iter()
            .filter(|(_, is)| **is != Is::New)
            .map(|(name, is)| format!("{name} is {is:?}"))
            .collect();
        wrong.extend(self.leftovers()?.into_iter().map(|name| format!("{name} is left")));
        Ok(wrong)
    }

    /// The files that are damaged or lost.
    pub fn broken(&self) -> Result<Vec<String>, Stop> {
        let state = self.state()?;
        let broken = state.iter().filter(|(_, is)| **is == Is::Broken);
        Ok(broken.map(|(name, _)| format!("{name} is neither old nor new")).collect())
    }

    /// Names that are neither the database's nor the directory's own.
    pub fn leftovers(&self) -> Result<Vec<String>, Stop> {
        let mut names = self.names()?;
        names.retain(|n| !self.old.contains_key(n.as_str()) && !self.others.contains(n));
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>, Stop> {
        let entries = fs::read_dir(&self.dir).map_err(Stop::io(self.dir.display()))?;
        Ok(entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect())
    }

    fn set(&self) -> Result<Set, Stop> {
        let mut set = Set::new();
        for name in file_names() {
            set.insert(name, read(&self.dir.join(name))?.unwrap_or_default());
        }
        Ok(set)
    }
}

fn stable(number: usize) -> ModuleSpec {
    let mut spec = ModuleSpec::new(&format!("stable_{number}"));
    for device in 0..8 {
        spec = spec.modinfo("alias", &format!("pci:v0000{number:04}d{device:04}sv*"));
    }
    spec = spec.export(&format!("symbol_{number}"), 7).modinfo("softdep", "pre: stable_0");
    if number > 0 { spec.needs(&format!("symbol_{}", number / 2)) } else { spec }
}

/// The database is another one without each of the files.
fn configured() -> Tree {
    let overridden = format!("override stable_3 * {OVERRIDDEN}\n");
    let tree = Tree::new(RELEASE).file(&format!("{CONFIG}/override.conf"), overridden);
    tree.file(&format!("{CONFIG}/search.conf"), "search updates kernel/z_preferred built-in\n")
}

fn before() -> Tree {
    let tree = configured().builtin(["kernel/inside.ko", "kernel/turned.ko"]);
    let mut tree = tree.module(&format!("{OVERRIDDEN}/stable_3.ko"), &stable(3));
    tree = tree.builtin_modinfo(["inside.alias=inside-alias", "turned.alias=turned-alias"]);
    for number in 0..STABLE {
        let spec = stable(number);
        let spec = if number == 1 { spec.modinfo("alias", MOVED_ALIAS) } else { spec };
        tree = tree.module(&format!("kernel/stable_{number}.ko"), &spec);
    }
    tree
}

/// Modules came, one is found in a better place, an alias belongs to another, what
/// was built in is a module.
fn after() -> Tree {
    let mut tree = configured().builtin(["kernel/inside.ko"]);
    tree = tree.module(&format!("{OVERRIDDEN}/stable_3.ko"), &stable(3));
    tree = tree.module("kernel/z_preferred/stable_4.ko", &stable(4));
    tree = tree.builtin_modinfo(["inside.alias=inside-alias", "inside.alias=inside-more"]);
    let device = |spec: ModuleSpec| {
        spec.modinfo("alias", "devname:of-turned").modinfo("alias", "char-major-77-1")
    };
    let new = ModuleSpec::new("new").modinfo("alias", MOVED_ALIAS).export("symbol_new", 7);
    let new = new.modinfo("alias", "pci:v00000003d0003sv*").needs("symbol_5");
    let soft = ModuleSpec::new(WITH_SOFTDEP).modinfo("softdep", "pre: stable_3");
    let weak = ModuleSpec::new("new_weak").modinfo("weakdep", "stable_4");
    tree = tree.module("kernel/a/new.ko", &new).module("kernel/a/new_soft.ko", &soft);
    tree = tree.module("kernel/a/new_weak.ko", &weak);
    tree = tree.module("kernel/turned.ko", &device(ModuleSpec::new(TURNED)));
    tree = tree.module("updates/stable_2.ko", &stable(2));
    for number in 0..STABLE {
        tree = tree.module(&format!("kernel/stable_{number}.ko"), &stable(number));
    }
    tree
}
