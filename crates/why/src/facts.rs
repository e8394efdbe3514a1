use std::cell::{OnceCell, RefCell};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_config::Config;
use komod_file::{Compression, ModuleFile, Unpacker};
use komod_name::ModuleName;
use komod_probe::Database;

use crate::exports::{self, Export, Exporter, OwnExports, Table};
use crate::reference::Reference;
use crate::trust::{self, KeySearch, Lockdown};

/// What is known of a kernel that is to take modules: each fact is gathered when it is
/// first asked for, and kept.
pub struct KernelFacts<'a> {
    database: &'a Database,
    config: Option<&'a Config>,
    release: Vec<u8>,
    root: PathBuf,
    running: bool,
    reference: OnceCell<Option<Reference>>,
    own: OnceCell<Option<OwnExports>>,
    of_modules: RefCell<Vec<(PathBuf, Table)>>,
}

impl<'a> KernelFacts<'a> {
    /// The running kernel of that release, whose modules lie in `database`'s directory
    /// and whose `/proc` and `/sys` are below `root` (`/`, but in tests).
    pub fn running(release: &OsStr, database: &'a Database, root: &Path) -> Self {
        Self {
            database,
            config: None,
            release: release.as_bytes().to_vec(),
            root: root.to_owned(),
            running: true,
            reference: OnceCell::new(),
            own: OnceCell::new(),
            of_modules: RefCell::default(),
        }
    }

    /// A kernel that does not run: its tree, and what lies below `root`, are all there
    /// is to ask. Nothing is known of its keys, its command line and what is loaded.
    pub fn other(release: &OsStr, database: &'a Database, root: &Path) -> Self {
        Self { running: false, ..Self::running(release, database, root) }
    }

    /// The same, with the configuration that holds.
    pub fn under(self, config: Option<&'a Config>) -> Self {
        Self { config, ..self }
    }

    /// The configuration that holds; `None` if it is not known.
    pub(crate) fn config(&self) -> Option<&'a Config> {
        self.config
    }

    /// Whether it is the running kernel.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Its release, as `uname -r` prints it.
    pub fn release(&self) -> &[u8] {
        &self.release
    }

    /// The indexes of its modules.
    pub fn database(&self) -> &'a Database {
        self.database
    }

    /// Where its `/proc`, `/sys`, `/boot` and `/usr/src` are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A module of its own tree that shows what it takes: see [`Reference`]. `None` when
    /// the tree has none that is surely its own.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.get_or_init(|| Reference::find(self)).as_ref()
    }

    /// What the kernel image itself exports. `None` when no file tells.
    pub fn own_exports(&self) -> Option<&OwnExports> {
        self.own.get_or_init(|| OwnExports::find(self)).as_ref()
    }

    /// Who exports `symbol`: the kernel image, or else a module of the tree. `None` when
    /// neither is known to; that says nothing without [`KernelFacts::own_exports`].
    pub fn exporter(&self, symbol: &[u8]) -> Option<Exporter> {
        if self.own_exports().is_some_and(|own| own.get(symbol).is_some()) {
            return Some(Exporter::Kernel);
        }
        let module = self.exporting_module(symbol)?;
        Some(Exporter::Module { path: self.database.path_of(&module), module })
    }

    /// The module of the tree that `modules.symbols.bin` names for `symbol`.
    pub fn exporting_module(&self, symbol: &[u8]) -> Option<ModuleName> {
        let key = [b"symbol:", symbol].concat();
        Some(ModuleName::new(self.database.symbols()?.find(&key)?))
    }

    /// What is known of `symbol` as `exporter` has it: by `Module.symvers`, by the
    /// module's own file, or its checksum by what the kernel's own modules were built
    /// against.
    pub fn export(&self, symbol: &[u8], exporter: &Exporter) -> Export {
        match exporter {
            Exporter::Kernel => {
                let own = self.own_exports().and_then(|own| own.get(symbol));
                let mut export = own.cloned().unwrap_or_default();
                let built_against = || self.reference()?.version(symbol);
                export.crc = export.crc.or_else(built_against);
                export
            }
            Exporter::Module { path: None, .. } => Export::default(),
            Exporter::Module { path: Some(path), .. } => {
                let mut seen = self.of_modules.borrow_mut();
                if !seen.iter().any(|(seen, _)| seen == path) {
                    seen.push((path.clone(), exports::of_module(path)));
                }
                let all = seen.iter().find(|(seen, _)| seen == path);
                all.and_then(|(_, all)| all.get(symbol)).cloned().unwrap_or_default()
            }
        }
    }

    /// The text of a file below [`KernelFacts::root`]; `None` when it cannot be read.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        komod_file::read_now(&self.root.join(path)).ok()
    }

    /// Whether a kernel of that release has modules beside this one's.
    pub fn has_modules_of(&self, release: &[u8]) -> bool {
        let beside = self.database.dir().parent().map(|dir| dir.join(OsStr::from_bytes(release)));
        !release.is_empty() && beside.is_some_and(|dir| dir.join("kernel").is_dir())
    }

    /// Whether the module called so is in the kernel, loaded and running.
    pub fn is_live(&self, module: &ModuleName) -> bool {
        self.state(module).is_some_and(|state| state == b"live")
    }

    /// Whether it is being loaded or removed.
    pub(crate) fn is_between(&self, module: &ModuleName) -> bool {
        self.state(module).is_some_and(|state| state == b"coming" || state == b"going")
    }

    fn state(&self, module: &ModuleName) -> Option<Vec<u8>> {
        let path = Path::new("sys/module").join(OsStr::from_bytes(module.as_bytes()));
        let state = std::fs::read(self.root.join(path).join("initstate"));
        Some(state.ok().filter(|_| self.running)?.trim_ascii_end().to_vec())
    }

    /// The algorithm with which the running kernel reads compressed modules itself;
    /// `None` if it reads none, or for another kernel.
    pub fn decompresses(&self) -> Option<Compression> {
        let name = self.of_running("sys/module/compression")?;
        Compression::of_kernel_name(name.trim_ascii_end())
    }

    /// Whether the running kernel takes only modules that are signed with a key it
    /// knows: `/sys/module/module/parameters/sig_enforce`.
    pub fn enforces_signatures(&self) -> bool {
        let text = self.of_running("sys/module/module/parameters/sig_enforce");
        text.is_some_and(|text| text.trim_ascii() == b"Y")
    }

    /// How far the running kernel is locked down: `/sys/kernel/security/lockdown`, or
    /// else the kernel's command line. `None` when neither says anything.
    pub fn lockdown(&self) -> Option<Lockdown> {
        let text = self.of_running("sys/kernel/security/lockdown");
        text.and_then(|text| trust::lockdown(&text)).or_else(|| {
            let value = self.command_line_value(b"lockdown")?;
            Lockdown::of_word(&value)
        })
    }

    /// Whether the running kernel neither loads nor removes modules any more:
    /// `/proc/sys/kernel/modules_disabled`.
    pub fn is_closed(&self) -> bool {
        let text = self.of_running("proc/sys/kernel/modules_disabled");
        text.is_some_and(|text| text.trim_ascii() == b"1")
    }

    /// Whether `module_blacklist=` of the running kernel's command line names the module.
    /// The kernel compares names as they are written.
    pub fn blacklists(&self, module: &ModuleName) -> bool {
        let names = self.command_line_value(b"module_blacklist").unwrap_or_default();
        names.split(|&byte| byte == b',').any(|name| name == module.as_bytes())
    }

    /// Looks in `/proc/keys` for a key that is called as the signer of a signature.
    pub fn look_for_key(&self, signer: &[u8]) -> KeySearch {
        self.of_running("proc/keys").map_or(KeySearch::Unknown, |text| trust::search(&text, signer))
    }

    /// The last value of a word of the running kernel's command line.
    fn command_line_value(&self, key: &[u8]) -> Option<Vec<u8>> {
        let text = self.of_running("proc/cmdline")?;
        let words = text.split(u8::is_ascii_whitespace);
        let mut values = words.filter_map(|word| word.strip_prefix(key)?.strip_prefix(b"="));
        values.next_back().map(<[u8]>::to_vec)
    }

    fn of_running(&self, path: &str) -> Option<Vec<u8>> {
        if self.running { self.read(path) } else { None }
    }
}

/// The decompressed bytes of a module's file; `None` if it cannot be read.
pub(crate) fn contents(path: &Path) -> Option<Vec<u8>> {
    try_contents(path).ok()
}

/// As [`contents`], with the reason. Of a packed file no more than 256 MiB: what has more
/// is no module without debugging symbols, and it has been unpacked once already. What
/// was read from a pipe is not there a second time.
pub(crate) fn try_contents(path: &Path) -> Result<Vec<u8>, komod_file::Error> {
    const LIMIT: u64 = 256 << 20;
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::from(std::io::ErrorKind::Unsupported).into());
    }
    let file = ModuleFile::open(path)?;
    if file.compression() == Compression::Plain {
        return file.contents();
    }
    let mut bytes = Vec::new();
    Unpacker::default().contents_up_to(LIMIT, &file, &mut bytes)?;
    Ok(bytes)
}
