//! A tree of modules, all that depmod reads beside it, and depmod itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use komod::host::{Environment, Host};
use komod::report::Report;
use komod::tools::by_program_name;
use komod_cache::Tree;
use komod_fixtures::{ModuleSpec, Packing, Pkcs7, Signed, pack};
use komod_kernel::Live;

use crate::disk::{directories_of, entries, modules_of};
use crate::edits::Random;

const RELEASE: &str = "6.1.0-test";
pub const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];
const ENDINGS: [&str; 4] = ["", ".gz", ".xz", ".zst"];
/// Modules of different names.
pub const NAMES: usize = 40;

pub struct World {
    scratch: tempfile::TempDir,
    pub prefix: bool,
    /// What the cache's files were after an earlier run.
    pub old_cache: BTreeMap<PathBuf, Vec<u8>>,
    good: bool,
}

/// What a run said.
pub struct Run {
    words: String,
    /// Whether it made a database.
    pub well: bool,
}

impl World {
    /// A root without modules.
    pub fn empty() -> Self {
        // In memory, or every run would wait for the disk; and on a file system whose
        // times tell of changes, as not every machine's scratch directory is.
        let scratch = tempfile::tempdir_in("/dev/shm").expect("room in memory");
        let world = Self { scratch, prefix: false, old_cache: BTreeMap::new(), good: false };
        fs::create_dir_all(world.dir()).unwrap();
        for list in LISTS {
            fs::write(world.dir().join(list), "").unwrap();
        }
        fs::write(world.config(), "").unwrap();
        world
    }

    pub fn new(random: &mut Random) -> Self {
        let world = Self::empty();
        for dir in ["ext", "out", "linked/one", "linked/two", "away"] {
            fs::create_dir_all(world.root().join(dir)).unwrap();
        }
        for dir in ["kernel/drivers", "kernel/fs", "updates"] {
            fs::create_dir_all(world.dir().join(dir)).unwrap();
        }
        for number in 0..24 {
            let dir = ["kernel/drivers", "kernel/fs", "kernel"][random.below(3)];
            world.put(&world.dir().join(dir), number, random);
        }
        for dir in ["linked/one", "linked/two", "ext"] {
            world.put(&world.root().join(dir), 30 + random.below(10), random);
        }
        symlink(world.root().join("linked/one"), world.dir().join("kernel/dirlink")).unwrap();
        symlink("one", world.root().join("linked/hop")).unwrap();
        symlink(world.root().join("linked/hop"), world.dir().join("kernel/hoplink")).unwrap();
        for list in LISTS {
            world.list(list, random);
        }
        fs::write(world.config(), "search updates built-in\n").unwrap();
        world
    }

    pub fn root(&self) -> &Path {
        self.scratch.path()
    }

    pub fn dir(&self) -> PathBuf {
        self.root().join("lib/modules").join(RELEASE)
    }

    pub fn config(&self) -> PathBuf {
        self.root().join("depmod.conf")
    }

    pub fn cache(&self) -> PathBuf {
        self.root().join("cache")
    }

    /// depmod with the cache, in place.
    pub fn cached(&mut self, jobs: &str, quick: bool) -> Run {
        let cache = self.cache();
        let mut words = vec!["--cache".into(), cache.into_os_string(), "-j".into(), jobs.into()];
        if quick {
            words.push("-A".into());
        }
        let run = self.depmod(words);
        self.good = run.well;
        run
    }

    /// depmod without, to `out`.
    pub fn full(&self) -> Run {
        let out = self.root().join("out");
        self.depmod(vec!["--no-cache".into(), "-o".into(), out.into_os_string()])
    }

    pub fn depmod(&self, mut words: Vec<OsString>) -> Run {
        words.extend(["-b".into(), self.root().into(), "-C".into(), self.config().into()]);
        if self.prefix {
            words.extend(["-P".into(), "_".into()]);
        }
        words.push(RELEASE.into());
        let (well, stdout, stderr) = run("depmod", words);
        assert!(stdout.is_empty());
        Run { words: stderr, well }
    }

    /// What all modules tell about themselves, with the cache or without.
    pub fn modinfo(&self, option: &str) -> (bool, String, String) {
        let option = match option {
            "--cache" => format!("--cache={}", self.cache().display()),
            other => other.to_owned(),
        };
        let mut words: Vec<OsString> = vec![option.into(), "-k".into(), RELEASE.into()];
        words.extend(["-b".into(), self.root().into()]);
        words.extend((0..NAMES).map(|number| format!("m_{number:02}").into()));
        words.extend(modules_of(&self.dir()).into_iter().map(PathBuf::into_os_string));
        run("modinfo", words)
    }

    /// How many modules have told something that is kept.
    pub fn tales(&self) -> usize {
        let bytes = self.cached_file_named("tree").map(|path| fs::read(path).unwrap());
        let bytes = bytes.unwrap_or_default();
        let tree = Tree::parse(&bytes);
        tree.map_or(0, |tree| tree.modules.iter().filter(|module| module.told).count())
    }

    /// Whether the last run with a cache made a database.
    pub fn cache_is_good(&self) -> bool {
        self.good
    }

    /// The inodes of all outputs: they stay as long as none is written again.
    pub fn inodes(&self) -> Vec<Option<u64>> {
        let inode = |name| fs::symlink_metadata(self.dir().join(name)).ok().map(|m| m.ino());
        outputs().map(inode).collect()
    }

    /// In what the two runs differ. A quick one says nothing if there is nothing to do,
    /// and that there is no database.
    pub fn differences(&self, cached: &Run, full: &Run, quick: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        if cached.well != full.well {
            wrong.push(format!("well: {} and {}", cached.well, full.well));
        }
        let known = |line: &str| {
            line.contains("modules.dep)") || full.words.lines().any(|known| known == line)
        };
        let silent = quick && cached.words.lines().all(known);
        if cached.words != full.words && !silent {
            wrong.push(format!("said:\n{}but without a cache:\n{}", cached.words, full.words));
        }
        if !full.well {
            return wrong;
        }
        let out = self.root().join("out/lib/modules").join(RELEASE);
        for name in outputs() {
            let own = self.dir().join(name);
            let regular = fs::symlink_metadata(&own).is_ok_and(|metadata| metadata.is_file());
            if !regular || fs::read(&own).unwrap() != fs::read(out.join(name)).unwrap() {
                wrong.push(format!("{name} differs"));
            }
        }
        let mode = |name: &str| fs::metadata(self.dir().join(name)).unwrap().mode() & 0o777;
        wrong.extend(
            outputs()
                .filter(|name| mode(name) != 0o644)
                .map(|name| format!("{name} is not for all to read")),
        );
        wrong
    }

    /// How many modules there are.
    pub fn modules(&self) -> usize {
        modules_of(&self.dir()).len()
    }

    /// A module that is there.
    pub fn module(&self, random: &mut Random) -> Option<PathBuf> {
        random.choose(&modules_of(&self.dir())).cloned()
    }

    /// A directory of the tree.
    pub fn directory(&self, random: &mut Random) -> Option<PathBuf> {
        random.choose(&directories_of(&self.dir())).cloned()
    }

    /// One below the module directory itself.
    pub fn inner_directory(&self, random: &mut Random) -> Option<PathBuf> {
        random.choose(&directories_of(&self.dir())[1..]).cloned()
    }

    pub fn output(&self, random: &mut Random) -> Option<PathBuf> {
        let names: Vec<_> = outputs().collect();
        let path = self.dir().join(random.choose(&names)?);
        fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0).then_some(path)
    }

    pub fn cached_file(&self, random: &mut Random) -> Option<PathBuf> {
        let files = fs::read_dir(self.cache()).ok()?.flatten().map(|entry| entry.path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        random.choose(&files).cloned()
    }

    /// The cache's file with this ending.
    pub fn cached_file_named(&self, ending: &str) -> Option<PathBuf> {
        let mut files = entries(&self.cache()).into_iter();
        files.find(|path| path.extension().is_some_and(|own| own == ending))
    }

    /// A module at a path of the tree.
    pub fn module_named(&self, path: &Path) -> PathBuf {
        let path = self.dir().join(path);
        fs::write(&path, ModuleSpec::new("m").build()).unwrap();
        path
    }

    /// Writes the module of that number into `dir`, packed in any way.
    pub fn put(&self, dir: &Path, number: usize, random: &mut Random) -> PathBuf {
        let name = format!("m-{number:02}.ko{}", ENDINGS[random.below(4)]);
        let path = dir.join(&name);
        let _ = fs::remove_file(&path);
        // It may be a directory's name by now; then nothing is added.
        let _ = fs::write(&path, pack(&spec(number, random).build(), Packing::of_name(&name)));
        path
    }

    pub fn list(&self, name: &str, random: &mut Random) -> PathBuf {
        let path = self.dir().join(name);
        let mut text = Vec::new();
        for _ in 0..random.below(10) {
            let (number, alias) = (random.below(NAMES), random.below(5));
            match name {
                "modules.order" => writeln!(text, "kernel/drivers/m-{number:02}.ko"),
                "modules.builtin" => writeln!(text, "kernel/b{number}.ko"),
                _ => write!(text, "b{number}.alias=x{alias}\0"),
            }
            .unwrap();
        }
        fs::write(&path, text).unwrap();
        path
    }
}

/// Runs a tool here: whether it ended well, and what it said.
fn run(tool: &str, words: Vec<OsString>) -> (bool, String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut host = Host {
        kernel: &Live::default(),
        stdout: &mut stdout,
        report: Report::new(tool, Box::new(&mut stderr)),
        stderr_closed: false,
        environment: Environment::default(),
        program: tool.into(),
    };
    let tool = by_program_name(tool).unwrap();
    let well = (tool.run)(&mut host, words).unwrap().code() == 0;
    drop(host);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (well, text(stdout), text(stderr))
}

pub fn outputs() -> impl Iterator<Item = &'static str> {
    [
        "modules.dep",
        "modules.dep.bin",
        "modules.alias",
        "modules.alias.bin",
        "modules.softdep",
        "modules.weakdep",
        "modules.symbols",
        "modules.symbols.bin",
        "modules.builtin.bin",
        "modules.builtin.alias.bin",
        "modules.devname",
    ]
    .into_iter()
}

/// A module whose file has always the same size: it needs only those before it.
pub fn spec(number: usize, random: &mut Random) -> ModuleSpec {
    let mut spec = ModuleSpec::new(&format!("m_{number:02}")).export(&format!("s{number:02}"), 1);
    for _ in 0..2 {
        let other = random.below(number.max(1));
        let other = if number == 0 { "none".into() } else { format!("s{other:02}") };
        spec = spec.needs(&other);
    }
    let mut text = || format!("{:06x}", random.below(1 << 24));
    if number % 2 == 0 {
        spec = spec.signed(Signed::Pkcs7(Pkcs7::by("A key", &[7, 8], &[9; 64])));
    }
    spec.modinfo("alias", &format!("pci:{}*", text()))
        .modinfo("softdep", &format!("pre: {}", text()))
        .modinfo("weakdep", &text())
}
