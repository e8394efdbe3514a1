use std::cell::OnceCell;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::kmod::{DeleteModuleFlags, ModuleInitFlags};
use nix::sys::stat::Mode;

use crate::{Errno, InitFlags, InitState, Kernel, LoadedModule};

/// The machine's own kernel.
#[derive(Debug)]
pub struct Live {
    proc: PathBuf,
    sys: PathBuf,
    /// `/sys/module`, once a number below it was asked for; `None` where nothing
    /// may stay open.
    modules: Option<OnceCell<OwnedFd>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), modules: Some(OnceCell::new()) }
    }
}

impl Live {
    /// The same kernel, and no descriptor that stays open between two calls: for a
    /// library, whose program may close all descriptors it does not know.
    pub fn without_descriptors() -> Self {
        Self { modules: None, ..Self::default() }
    }

    /// The same kernel, whose `/proc` and `/sys` are read below `root`.
    pub fn with_files_below(root: &Path) -> Self {
        Self { proc: root.join("proc"), sys: root.join("sys"), modules: Some(OnceCell::new()) }
    }

    /// `/sys/module/NAME`; `None` for what is no module's name.
    fn module(&self, name: &[u8]) -> Option<PathBuf> {
        if !is_name(name) {
            return None;
        }
        // With room for the name of a file, so that it need not move.
        let room = self.sys.as_os_str().len().saturating_add(name.len()).saturating_add(64);
        let mut path = OsString::with_capacity(room);
        path.push(&self.sys);
        path.push("/module/");
        path.push(OsStr::from_bytes(name));
        Some(path.into())
    }

    /// The file `path` below `/sys/module`, which is opened once where it may stay open.
    fn open_below(&self, path: &[u8]) -> io::Result<OwnedFd> {
        // musl's open(2), which std calls, sets the flag again: a system call more.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let directory = || self.sys.join("module");
        let Some(modules) = &self.modules else {
            let path = directory().join(OsStr::from_bytes(path));
            return Ok(openat(AT_FDCWD, &path, flags, Mode::empty())?);
        };
        let opened = match modules.get() {
            Some(opened) => opened,
            None => {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let opened = openat(AT_FDCWD, &directory(), flags, Mode::empty())?;
                modules.get_or_init(|| opened)
            }
        };
        Ok(openat(opened, path, flags, Mode::empty())?)
    }

    fn number<T: std::str::FromStr>(&self, name: &[u8], file: &str) -> io::Result<Option<T>> {
        if !is_name(name) {
            return Ok(None);
        }
        let mut path = [0; NAME_MAX + 16];
        let mut free = path.as_mut_slice();
        for part in [name, b"/", file.as_bytes()] {
            free.write_all(part)?;
        }
        let free = free.len();
        let path = path.len().checked_sub(free).and_then(|end| path.get(..end)).unwrap_or_default();
        let Some(file) = absent_is_none(self.open_below(path))? else {
            return Ok(None);
        };
        let mut file = fs::File::from(file);
        // The kernel hands such a text over in one piece.
        let mut buffer = [0; 64];
        let size = file.read(&mut buffer)?;
        let text = buffer.get(..size).unwrap_or_default();
        decimal(text.trim_ascii())
            .map(Some)
            .ok_or_else(|| unexpected(&self.sys.join("module").join(OsStr::from_bytes(path)), text))
    }
}

/// Whether a module can be called so: `false` for a name that is no single file
/// name and would lead elsewhere, or is longer than one can be.
fn is_name(name: &[u8]) -> bool {
    let leads_away = name.is_empty() || name == b"." || name == b".." || name.contains(&b'/');
    !leads_away && name.len() <= NAME_MAX
}

impl Kernel for Live {
    fn release(&self) -> io::Result<OsString> {
        Ok(nix::sys::utsname::uname()?.release().to_os_string())
    }

    fn compression(&self) -> Option<Vec<u8>> {
        let mut text = fs::read(self.sys.join("module/compression")).ok()?;
        text.truncate(text.trim_ascii_end().len());
        (!text.is_empty()).then_some(text)
    }

    fn finit_module(
        &self,
        file: BorrowedFd<'_>,
        params: &CStr,
        flags: InitFlags,
    ) -> Result<(), Errno> {
        // nix has no name for the flag of compressed files.
        let flags = ModuleInitFlags::from_bits_retain(flags.bits());
        nix::kmod::finit_module(file, params, flags)
    }

    fn init_module(&self, image: &[u8], params: &CStr) -> Result<(), Errno> {
        nix::kmod::init_module(image, params)
    }

    fn delete_module(&self, name: &CStr, force: bool) -> Result<(), Errno> {
        let mut flags = DeleteModuleFlags::O_NONBLOCK;
        if force {
            flags |= DeleteModuleFlags::from_bits_retain(OFlag::O_TRUNC.bits());
        }
        nix::kmod::delete_module(name, flags)
    }

    fn loaded(&self) -> io::Result<Vec<LoadedModule>> {
        let text = fs::read(self.proc.join("modules"))?;
        Ok(parse_proc_modules(&text))
    }

    fn state(&self, name: &[u8]) -> io::Result<Option<InitState>> {
        let Some(mut path) = self.module(name) else {
            return Ok(None);
        };
        // Most modules that are asked about are not there at all.
        let Some(metadata) = absent_is_none(fs::metadata(&path))? else {
            return Ok(None);
        };
        path.push("initstate");
        let Ok(mut file) = File::open(&path) else {
            // Not there, or not for us.
            return Ok(metadata.is_dir().then_some(InitState::Coming));
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        match text.trim_ascii_end() {
            b"live" => Ok(Some(InitState::Live)),
            b"coming" => Ok(Some(InitState::Coming)),
            b"going" => Ok(Some(InitState::Going)),
            other => Err(unexpected(&path, other)),
        }
    }

    fn refcnt(&self, name: &[u8]) -> io::Result<Option<i64>> {
        self.number(name, "refcnt")
    }

    fn core_size(&self, name: &[u8]) -> io::Result<Option<u64>> {
        self.number(name, "coresize")
    }

    fn holders(&self, name: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let module = self.module(name).ok_or(io::ErrorKind::NotFound)?;
        fs::read_dir(module.join("holders"))?
            .map(|entry| Ok(entry?.file_name().into_vec()))
            .collect()
    }

    fn sections(&self, name: &[u8]) -> io::Result<Vec<(Vec<u8>, u64)>> {
        let module = self.module(name).ok_or(io::ErrorKind::NotFound)?;
        let section = |entry: io::Result<fs::DirEntry>| {
            let path = entry?.path();
            let text = fs::read(&path)?;
            let hex = std::str::from_utf8(&text).ok().map(str::trim);
            let digits = hex.map(|hex| hex.strip_prefix("0x").unwrap_or(hex));
            let address = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let address = address.ok_or_else(|| unexpected(&path, &text))?;
            Ok((path.file_name().unwrap_or_default().as_bytes().to_vec(), address))
        };
        fs::read_dir(module.join("sections"))?.map(section).collect()
    }
}

/// Reads the lines of `/proc/modules`; a line without its first two fields is
/// passed over.
fn parse_proc_modules(text: &[u8]) -> Vec<LoadedModule> {
    text.split(|&b| b == b'\n').filter_map(parse_proc_line).collect()
}

fn parse_proc_line(line: &[u8]) -> Option<LoadedModule> {
    let mut fields = line.split(|&b| b == b' ').filter(|field| !field.is_empty());
    let name = fields.next()?.to_vec();
    let size = decimal(fields.next()?)?;
    let refcnt = fields.next().and_then(decimal);
    let holders = fields
        .next()
        .unwrap_or_default()
        .split(|&b| b == b',')
        .filter(|holder| !holder.is_empty() && *holder != b"-" && !holder.starts_with(b"["))
        .map(<[u8]>::to_vec)
        .collect();
    Some(LoadedModule { name, size, refcnt, holders })
}

fn decimal<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The longest file name that Linux has, in bytes (`linux/limits.h`).
const NAME_MAX: usize = 255;

fn absent_is_none<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // `/sys/module/compression` and its like are files, not modules.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

fn unexpected(path: &Path, found: &[u8]) -> io::Error {
    let found = String::from_utf8_lossy(found.trim_ascii_end()).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("unknown {}: '{found}'", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_modules_keep_their_order_and_holders() {
        let text = b"snd_pcm 188416 2 snd_hda_intel,snd_hda_codec, Live 0x0000000000000000\n\
                     nf 12 0 - Live 0x0 (OE)\n\
                     ext4 1 1 [permanent], Live 0x0\n\
                     old 7 - - Live 0x0\n\
                     broken\n";
        let modules = parse_proc_modules(text);
        let names: Vec<_> = modules.iter().map(|m| m.name.as_slice()).collect();
        assert_eq!(names, [b"snd_pcm".as_slice(), b"nf", b"ext4", b"old"]);
        assert_eq!(modules[0].holders, [b"snd_hda_intel".to_vec(), b"snd_hda_codec".to_vec()]);
        assert_eq!((modules[0].size, modules[0].refcnt), (188_416, Some(2)));
        assert!(modules[2].holders.is_empty());
        assert_eq!(modules[3].refcnt, None);
    }

    #[test]
    fn a_library_holds_no_descriptor() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        fs::create_dir_all(root.join("sys/module/loop")).unwrap();
        fs::write(root.join("sys/module/loop/refcnt"), "3\n").unwrap();
        let kernel = Live { modules: None, ..Live::with_files_below(root) };
        assert_eq!(kernel.refcnt(b"loop").unwrap(), Some(3));
        // Nothing is asked of a directory that was opened before.
        fs::rename(root.join("sys/module"), root.join("sys/gone")).unwrap();
        assert_eq!(kernel.refcnt(b"loop").unwrap(), None);
        assert!(Live::without_descriptors().modules.is_none());
    }

    #[test]
    fn a_module_without_initstate_is_coming_and_one_without_directory_is_absent() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        fs::create_dir_all(root.join("sys/module/builtin_code")).unwrap();
        fs::create_dir_all(root.join("sys/module/loop/holders")).unwrap();
        fs::write(root.join("sys/module/loop/initstate"), "live\n").unwrap();
        fs::write(root.join("sys/module/loop/refcnt"), "3\n").unwrap();
        fs::write(root.join("sys/module/loop/coresize"), "junk\n").unwrap();
        let kernel = Live::with_files_below(root);
        assert_eq!(kernel.state(b"builtin_code").unwrap(), Some(InitState::Coming));
        assert_eq!(kernel.state(b"loop").unwrap(), Some(InitState::Live));
        for name in [b"nothing".as_slice(), b"", b"..", b"/", b"loop/holders"] {
            assert_eq!(kernel.state(name).unwrap(), None);
        }
        assert_eq!(kernel.refcnt(b"loop").unwrap(), Some(3));
        assert_eq!(kernel.refcnt(b"nothing").unwrap(), None);
        assert!(kernel.core_size(b"loop").is_err());
        assert!(kernel.holders(b"loop").unwrap().is_empty());
        assert_eq!(kernel.sections(b"loop").unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::create_dir_all(root.join("sys/module/loop/sections")).unwrap();
        fs::write(root.join("sys/module/loop/sections/.text"), "0xffffffffc0000000\n").unwrap();
        let text = (b".text".to_vec(), 0xffff_ffff_c000_0000);
        assert_eq!(kernel.sections(b"loop").unwrap(), [text]);
        fs::write(root.join("sys/module/loop/sections/.text"), "somewhere\n").unwrap();
        assert!(kernel.sections(b"loop").is_err());
        assert_eq!(kernel.holders(b"nothing").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
