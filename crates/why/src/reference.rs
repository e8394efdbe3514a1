use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use komod_elf::{Identity, Module};
use komod_name::ModuleName;

use crate::facts::{KernelFacts, contents};

/// A module that a kernel surely takes, as it was built with it: it lies in the kernel's
/// tree, says that it belongs there (`intree=Y`), and its version magic begins with the
/// kernel's release. One that is loaded is taken first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its file.
    pub path: PathBuf,
    /// Its version magic: the kernel's.
    pub vermagic: Vec<u8>,
    /// Its class, byte order and processor: the kernel's.
    pub identity: Identity,
    /// Bytes of the section that holds the kernel's `struct module`.
    pub struct_size: Option<usize>,
    versions: Vec<(Vec<u8>, u64)>,
}

/// How many files are looked at before the search is given up.
const ATTEMPTS: usize = 8;

impl Reference {
    pub(crate) fn find(kernel: &KernelFacts<'_>) -> Option<Self> {
        let loaded = if kernel.is_running() { kernel.read("proc/modules") } else { None };
        let loaded = loaded.unwrap_or_default();
        let names = loaded.split(|&byte| byte == b'\n');
        let names = names.filter_map(|line| line.split(|&byte| byte == b' ').next());
        let paths = names.filter_map(|name| kernel.database().path_of(&ModuleName::new(name)));
        let found = paths.take(ATTEMPTS).find_map(|path| Self::read(path, kernel.release()));
        found.or_else(|| {
            let mut some = Vec::new();
            kernel.database().dep()?.for_each(&mut |_, line| {
                let path = line.value.split(|&byte| byte == b':').next().unwrap_or_default();
                if some.len() < ATTEMPTS && path.starts_with(b"kernel/") {
                    some.push(kernel.database().dir().join(std::ffi::OsStr::from_bytes(path)));
                }
            });
            some.into_iter().find_map(|path| Self::read(path, kernel.release()))
        })
    }

    /// `None` if the file is none that surely belongs to the kernel of that release.
    fn read(path: PathBuf, release: &[u8]) -> Option<Self> {
        let bytes = contents(&path)?;
        let identity = Identity::of(&bytes).ok()?;
        let module = Module::parse(&bytes).ok()?;
        let value = |key| module.modinfo_values(key).ok()??.next();
        let vermagic = value(b"vermagic")?;
        if value(b"intree") != Some(b"Y") || first_word(vermagic) != release {
            return None;
        }
        let versions = module.versions().ok().flatten().unwrap_or_default();
        Some(Self {
            vermagic: vermagic.to_vec(),
            identity,
            struct_size: module.section_called(THIS_MODULE).map(<[u8]>::len),
            versions: versions.iter().map(|all| (all.name.to_vec(), all.crc)).collect(),
            path,
        })
    }

    /// The checksum of `symbol` that it was built against; `None` if it does not use it.
    pub fn version(&self, symbol: &[u8]) -> Option<u64> {
        self.versions.iter().find(|(name, _)| name == symbol).map(|(_, crc)| *crc)
    }
}

/// The section in which a module has its `struct module`.
pub(crate) const THIS_MODULE: &[u8] = b".gnu.linkonce.this_module";

/// What stands before the first blank: of a version magic the release.
pub(crate) fn first_word(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b' ').next().unwrap_or_default()
}
