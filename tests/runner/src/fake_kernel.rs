//! The kernel that the program in the box talks to.
//!
//! Answers `uname` and the module system calls, writes each of the latter down,
//! and keeps the root's `/proc/modules` and `/sys/module` true to what was loaded
//! and removed. It refuses what a kernel would (no ELF file, loaded already, in
//! use) and what the case's tree says.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use crate::calls::{Call, Request};
use crate::seccomp::Asked;
use crate::tree::Mood;

/// The calls that this kernel answers.
pub const FAKED: [libc::c_long; 4] =
    [libc::SYS_uname, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module];

/// Parameters longer than this are cut: no test has them.
const LONGEST_STRING: usize = 1 << 16;

/// A module that the tree made: what `init_module`'s images are known by.
#[derive(Debug, Clone)]
pub struct Image {
    /// The path, as the tree names it.
    pub label: String,
    /// The plain ELF file.
    pub bytes: Vec<u8>,
}

/// The faked kernel of one run.
#[derive(Debug)]
pub struct FakeKernel {
    root: PathBuf,
    release: String,
    moods: Vec<Mood>,
    images: Vec<Image>,
    calls: Vec<Call>,
}

impl FakeKernel {
    /// A kernel of that release over the scratch root.
    pub fn new(root: &Path, release: &str, moods: &[Mood], images: &[Image]) -> Self {
        Self {
            root: root.into(),
            release: release.into(),
            moods: moods.to_vec(),
            images: images.to_vec(),
            calls: Vec::new(),
        }
    }

    /// What was asked, in order.
    pub fn into_calls(self) -> Vec<Call> {
        self.calls
    }

    /// The answer to one call, its traces left in the root.
    pub(crate) fn answer(&mut self, asked: &Asked) -> Result<i64, Errno> {
        let memory = File::open(format!("/proc/{}/mem", asked.pid)).map_err(errno)?;
        if asked.number == libc::SYS_uname {
            return self.uname(asked);
        }
        let (request, answer) = match asked.number {
            libc::SYS_finit_module => self.finit(asked, &memory)?,
            libc::SYS_init_module => self.init(asked, &memory)?,
            libc::SYS_delete_module => self.delete(asked, &memory)?,
            _ => return Err(Errno::ENOSYS),
        };
        self.calls.push(Call { request, refused: answer.err() });
        answer.map(|()| 0)
    }

    fn uname(&self, asked: &Asked) -> Result<i64, Errno> {
        // struct utsname: six fields of 65 bytes (sysname nodename release version
        // machine domainname)
        let mut fields = vec![0; 6 * 65];
        let texts = ["Linux", "box", &self.release, "#1 SMP", std::env::consts::ARCH, "(none)"];
        for (field, text) in fields.chunks_mut(65).zip(texts) {
            field.iter_mut().zip(text.bytes().take(64)).for_each(|(to, from)| *to = from);
        }
        let memory =
            File::options().write(true).open(format!("/proc/{}/mem", asked.pid)).map_err(errno)?;
        memory.write_all_at(&fields, asked.args[0]).map_err(|_| Errno::EFAULT)?;
        Ok(0)
    }

    fn finit(&self, asked: &Asked, memory: &File) -> Result<(Request, Result<(), Errno>), Errno> {
        let [fd, params, flags, ..] = asked.args;
        let params = c_string(memory, params)?;
        let flags = flags as u32;
        let link = PathBuf::from(format!("/proc/{}/fd/{}", asked.pid, fd as i32));
        let target = fs::read_link(&link).map_err(|_| Errno::EBADF)?;
        let path = match target.strip_prefix(&self.root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => target,
        };
        let path = path.to_string_lossy().into_owned();
        let answer = if self.moods.contains(&Mood::WithoutFinit) {
            Err(Errno::ENOSYS)
        } else {
            let bytes = fs::read(&link).map_err(|_| Errno::EBADF)?;
            let name = module_name(&path);
            let refused = self.moods.iter().find_map(|mood| match mood {
                Mood::RefuseFinit(refused, why) if *refused == name => Some(*why),
                _ => None,
            });
            match refused {
                Some(why) => Err(why),
                None => self.decompressed(&bytes, flags & 4 != 0).and_then(|()| self.load(&name)),
            }
        };
        Ok((Request::Finit { path, params, flags }, answer))
    }

    fn init(&self, asked: &Asked, memory: &File) -> Result<(Request, Result<(), Errno>), Errno> {
        let [address, length, params, ..] = asked.args;
        let params = c_string(memory, params)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Errno::ENOMEM)?];
        memory.read_exact_at(&mut bytes, address).map_err(|_| Errno::EFAULT)?;
        let known = self.images.iter().filter(|image| image.bytes.len() == bytes.len());
        let nearest = known.min_by_key(|image| differences(&image.bytes, &bytes).len());
        let Some(image) = nearest else {
            let image = format!("?{}", bytes.len());
            let (without_vermagic, without_modversions) = (false, false);
            let request = Request::Init { image, params, without_vermagic, without_modversions };
            return Ok((request, Err(Errno::ENOEXEC)));
        };
        let changed = differences(&image.bytes, &bytes);
        let vermagic = vermagic_range(&image.bytes);
        let request = Request::Init {
            image: image.label.clone(),
            params,
            without_vermagic: changed.iter().any(|at| vermagic.contains(at)),
            without_modversions: changed.iter().any(|at| !vermagic.contains(at)),
        };
        Ok((request, elf(&bytes).and_then(|()| self.load(&module_name(&image.label)))))
    }

    /// Whether the kernel gets an ELF file out of the file it was handed.
    fn decompressed(&self, bytes: &[u8], compressed: bool) -> Result<(), Errno> {
        if !compressed {
            return elf(bytes);
        }
        let algorithm = self.moods.iter().find_map(|mood| match mood {
            Mood::Compression(name) => Some(name.as_str()),
            _ => None,
        });
        let magic: &[u8] = match algorithm {
            Some("xz") => b"\xfd7zXZ\0",
            Some("zstd") => b"\x28\xb5\x2f\xfd",
            Some("gzip") => b"\x1f\x8b",
            _ => return Err(Errno::EOPNOTSUPP),
        };
        // The kernel's xz decoder knows no check but CRC32 (lib/xz/xz_dec_stream.c).
        let unknown_check = algorithm == Some("xz") && bytes.get(7).is_some_and(|check| *check > 1);
        if bytes.starts_with(magic) && !unknown_check { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn load(&self, name: &str) -> Result<(), Errno> {
        for mood in &self.moods {
            match mood {
                Mood::RefuseLoad(refused, why) if refused == name => return Err(*why),
                _ => {}
            }
        }
        let dir = self.root.join("sys/module").join(name);
        if dir.join("initstate").exists() {
            return Err(Errno::EEXIST);
        }
        fs::create_dir_all(dir.join("holders")).map_err(errno)?;
        for (file, text) in [("initstate", "live\n"), ("refcnt", "0\n"), ("coresize", "16384\n")] {
            fs::write(dir.join(file), text).map_err(errno)?;
        }
        let list = self.root.join("proc/modules");
        let lines = fs::read_to_string(&list).unwrap_or_default();
        let lines = format!("{name} 16384 0 - Live 0x0000000000000000\n{lines}");
        fs::write(list, lines).map_err(errno)
    }

    fn delete(
        &mut self,
        asked: &Asked,
        memory: &File,
    ) -> Result<(Request, Result<(), Errno>), Errno> {
        let [name, flags, ..] = asked.args;
        let name = c_string(memory, name)?;
        let answer = self.unload(&String::from_utf8_lossy(&name));
        Ok((Request::Delete { name, flags: flags as u32 }, answer))
    }

    fn unload(&mut self, name: &str) -> Result<(), Errno> {
        for mood in &mut self.moods {
            match mood {
                Mood::RefuseRemove(refused, why, times) if refused == name && *times != Some(0) => {
                    *times = times.map(|times| times - 1);
                    return Err(*why);
                }
                _ => {}
            }
        }
        let modules = self.root.join("sys/module");
        let dir = modules.join(name);
        let plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        if !plain || !dir.exists() {
            return Err(Errno::ENOENT);
        }
        if references(&dir) > 0 || holders(&dir).next().is_some() {
            return Err(Errno::EAGAIN);
        }
        fs::remove_dir_all(&dir).map_err(errno)?;
        for other in fs::read_dir(modules).map_err(errno)?.flatten() {
            let other = other.path();
            if fs::remove_file(other.join("holders").join(name)).is_ok() {
                let left = references(&other) - 1;
                fs::write(other.join("refcnt"), format!("{left}\n")).map_err(errno)?;
            }
        }
        let list = self.root.join("proc/modules");
        let lines = fs::read_to_string(&list).unwrap_or_default();
        let kept = lines.lines().filter(|line| line.split(' ').next() != Some(name));
        let kept: String = kept.map(|line| format!("{line}\n")).collect();
        fs::write(list, kept).map_err(errno)
    }
}

fn references(dir: &Path) -> i64 {
    let text = fs::read_to_string(dir.join("refcnt")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn holders(dir: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(dir.join("holders")).into_iter().flatten().flatten()
}

fn elf(bytes: &[u8]) -> Result<(), Errno> {
    if bytes.starts_with(b"\x7fELF") { Ok(()) } else { Err(Errno::ENOEXEC) }
}

/// The name a kernel would find in the file: fixtures are named after themselves.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split('.').next().unwrap_or_default().replace('-', "_")
}

fn differences(old: &[u8], new: &[u8]) -> Vec<usize> {
    old.iter().zip(new).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect()
}

fn vermagic_range(bytes: &[u8]) -> std::ops::Range<usize> {
    match bytes.windows(9).position(|window| window == b"vermagic=") {
        Some(at) => {
            let length = bytes[at..].iter().position(|b| *b == 0).unwrap_or(bytes.len() - at);
            at..at + length
        }
        None => 0..0,
    }
}

fn c_string(memory: &File, address: u64) -> Result<Vec<u8>, Errno> {
    if address == 0 {
        return Err(Errno::EFAULT);
    }
    let mut string = Vec::new();
    while string.len() < LONGEST_STRING {
        // up to the page's end: the next page may not be there
        let at = address + string.len() as u64;
        let mut part = vec![0; (4096 - at % 4096) as usize];
        let read = memory.read_at(&mut part, at).map_err(|_| Errno::EFAULT)?;
        if read == 0 {
            return Err(Errno::EFAULT);
        }
        match part[..read].iter().position(|byte| *byte == 0) {
            Some(end) => {
                string.extend(&part[..end]);
                return Ok(string);
            }
            None => string.extend(&part[..read]),
        }
    }
    Ok(string)
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
