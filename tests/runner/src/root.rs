//! A tree's steps to files below a scratch root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use komod_fixtures::{Bomb, Class, Endian, ModuleSpec, Packing, Pkcs7, Signed, pack};

use crate::fake_kernel::Image;
use crate::tree::{Loaded, Step};
use crate::{Tree, Trouble, words};

/// A root in the making.
#[derive(Debug)]
pub struct Root {
    dir: PathBuf,
    /// The case's own directory, for `data`.
    case: PathBuf,
    modules: String,
    listed: Listed,
    images: Vec<Image>,
}

/// What the kernel's build would have left beside the modules.
#[derive(Debug, Default)]
struct Listed {
    order: Vec<String>,
    order_given: bool,
    builtin: String,
    builtin_modinfo: Vec<u8>,
    bare: bool,
    /// Something is there that was not written yet.
    new: bool,
}

impl Root {
    /// Makes `tree` in the empty directory `dir`. `depmod` is called with its
    /// arguments for each `depmod` step.
    ///
    /// # Errors
    /// The step that failed.
    pub fn build(
        tree: &Tree,
        dir: &Path,
        case: &Path,
        mut depmod: impl FnMut(&[String]) -> Result<(), Trouble>,
    ) -> Result<Vec<Image>, Trouble> {
        let modules = format!("lib/modules/{}", tree.release);
        let mut root = Self {
            dir: dir.into(),
            case: case.into(),
            modules,
            listed: Listed::default(),
            images: Vec::new(),
        };
        for (path, text) in [("proc/modules", ""), ("proc/cmdline", "quiet\n")] {
            root.file(path, text.as_bytes())?;
        }
        root.dir("sys/module")?;
        for step in &tree.steps {
            match step {
                Step::Depmod(args) => {
                    root.lists()?;
                    depmod(args)?;
                }
                step => root.step(step).map_err(|e| Trouble(format!("{step:?}: {}", e.0)))?,
            }
        }
        root.lists()?;
        Ok(root.images)
    }

    fn step(&mut self, step: &Step) -> Result<(), Trouble> {
        match step {
            Step::Directory(path) => {
                self.lists()?;
                self.listed = Listed::default();
                self.modules = path.trim_start_matches('/').into();
                self.dir(&self.modules)?;
            }
            Step::Module(path, facts) => self.module(path, facts)?,
            Step::Builtin(path, strings) => {
                self.listed.new = true;
                self.listed.builtin.push_str(&format!("{path}\n"));
                let file = path.rsplit('/').next().unwrap_or(path);
                let name = file.split('.').next().unwrap_or(file);
                for string in strings {
                    let record = [name.as_bytes(), b".", string, b"\0"].concat();
                    self.listed.builtin_modinfo.extend(record);
                }
            }
            Step::Order(lines) => {
                self.listed.new = true;
                self.listed.order_given = true;
                self.listed.order.clone_from(lines);
            }
            Step::Bare => self.listed.bare = true,
            Step::Depmod(_) => {}
            Step::File(path, bytes) => self.file(path, bytes)?,
            Step::Append(path, bytes) => {
                let path = self.below(path);
                let old = fs::read(&path).map_err(Trouble::io(&path))?;
                fs::write(&path, [old, bytes.clone()].concat()).map_err(Trouble::io(&path))?;
            }
            Step::Data(path, file) => {
                let from = self.case.join("data").join(file);
                self.file(path, &fs::read(&from).map_err(Trouble::io(&from))?)?;
            }
            Step::Dir(path) => self.dir(path)?,
            Step::Link(path, target) => {
                self.parent(path)?;
                let path = self.below(path);
                std::os::unix::fs::symlink(target, &path).map_err(Trouble::io(&path))?;
            }
            Step::Fifo(path) => {
                self.parent(path)?;
                let path = self.below(path);
                let mode = nix::sys::stat::Mode::from_bits_truncate(0o644);
                nix::unistd::mkfifo(&path, mode)
                    .map_err(|e| Trouble(format!("{}: {e}", path.display())))?;
            }
            Step::Chmod(path, mode) => {
                let path = self.below(path);
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode))
                    .map_err(Trouble::io(&path))?;
            }
            Step::Truncate(path, size) => {
                let path = self.below(path);
                let file = fs::File::options().write(true).open(&path);
                file.and_then(|file| file.set_len(*size)).map_err(Trouble::io(&path))?;
            }
            Step::Touch(path, seconds) => {
                let path = self.below(path);
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds);
                let file = fs::File::open(&path);
                file.and_then(|file| file.set_modified(time)).map_err(Trouble::io(&path))?;
            }
            Step::Copy(from, to) => {
                let from = self.below(from);
                self.file(to, &fs::read(&from).map_err(Trouble::io(&from))?)?;
            }
            Step::Remove(path) => {
                let path = self.below(path);
                let removed = match path.is_dir() && !path.is_symlink() {
                    true => fs::remove_dir_all(&path),
                    false => fs::remove_file(&path),
                };
                removed.map_err(Trouble::io(&path))?;
            }
            Step::Loaded(loaded) => self.loaded(loaded)?,
        }
        Ok(())
    }

    fn module(&mut self, path: &str, facts: &[Vec<u8>]) -> Result<(), Trouble> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let name = file.split('.').next().unwrap_or(file);
        let mut packing = Packing::of_name(path);
        let mut spec = ModuleSpec::new(&name.replace('-', "_"));
        for fact in facts {
            if fact == b"packing=bomb" {
                continue;
            } else if let Some(word) = fact.strip_prefix(b"packing=") {
                packing = packing_of(&words::text(word.to_vec())?)?;
            } else if fact == b"nothing" {
                spec = spec.without_modinfo();
            } else {
                spec = described(spec, fact)?;
            }
        }
        let bytes = spec.build();
        let packed = match bomb_of(path, facts) {
            Some(bomb) => bomb.build(4 << 20),
            None => pack(&bytes, packing),
        };
        let (place, label) = match path.strip_prefix('/') {
            Some(absolute) => (absolute.to_owned(), path.to_owned()),
            None => {
                self.listed.new = true;
                if !self.listed.order_given {
                    let plain = path.find(".ko").map_or(path, |at| &path[..at]);
                    self.listed.order.push(format!("{plain}.ko"));
                }
                (format!("{}/{path}", self.modules), path.to_owned())
            }
        };
        self.file(&place, &packed)?;
        self.images.push(Image { label, bytes });
        Ok(())
    }

    /// `modules.order`, `modules.builtin` and `modules.builtin.modinfo`.
    fn lists(&mut self) -> Result<(), Trouble> {
        if self.listed.bare || !std::mem::take(&mut self.listed.new) {
            return Ok(());
        }
        let order: String = self.listed.order.iter().map(|line| format!("{line}\n")).collect();
        self.file(&format!("{}/modules.order", self.modules), order.as_bytes())?;
        self.file(&format!("{}/modules.builtin", self.modules), self.listed.builtin.as_bytes())?;
        let modinfo = &self.listed.builtin_modinfo;
        self.file(&format!("{}/modules.builtin.modinfo", self.modules), modinfo)
    }

    fn loaded(&self, loaded: &Loaded) -> Result<(), Trouble> {
        let Loaded { name, size, refcnt, holders, state, listed } = loaded;
        let dir = format!("sys/module/{name}");
        self.dir(&format!("{dir}/holders"))?;
        for holder in holders {
            self.file(&format!("{dir}/holders/{holder}"), b"")?;
        }
        self.file(&format!("{dir}/coresize"), format!("{size}\n").as_bytes())?;
        if let Some(refcnt) = refcnt {
            self.file(&format!("{dir}/refcnt"), format!("{refcnt}\n").as_bytes())?;
        }
        if let Some(state) = state {
            self.file(&format!("{dir}/initstate"), format!("{state}\n").as_bytes())?;
        }
        if *listed {
            let list = self.below("proc/modules");
            let lines = fs::read_to_string(&list).map_err(Trouble::io(&list))?;
            let refcnt = refcnt.map_or("-".into(), |n| n.to_string());
            let holders = match holders.as_slice() {
                [] => "-".into(),
                holders => holders.join(",") + ",",
            };
            let state = match state.as_deref() {
                Some("going") => "Unloading",
                Some("coming") | None => "Loading",
                _ => "Live",
            };
            let line = format!("{name} {size} {refcnt} {holders} {state} 0x0000000000000000\n");
            self.file("proc/modules", (lines + &line).as_bytes())?;
        }
        Ok(())
    }

    fn below(&self, path: &str) -> PathBuf {
        self.dir.join(path.trim_start_matches('/'))
    }

    fn dir(&self, path: &str) -> Result<(), Trouble> {
        let path = self.below(path);
        fs::create_dir_all(&path).map_err(Trouble::io(&path))
    }

    fn parent(&self, path: &str) -> Result<(), Trouble> {
        match path.trim_start_matches('/').rsplit_once('/') {
            Some((parent, _)) => self.dir(parent),
            None => Ok(()),
        }
    }

    fn file(&self, path: &str, bytes: &[u8]) -> Result<(), Trouble> {
        self.parent(path)?;
        let path = self.below(path);
        fs::write(&path, bytes).map_err(Trouble::io(&path))
    }
}

/// What is in a file's place that wants much more memory than there may be, by its name.
fn bomb_of(path: &str, facts: &[Vec<u8>]) -> Option<Bomb> {
    let wanted = facts.iter().any(|fact| fact == b"packing=bomb");
    wanted.then_some(match Packing::of_name(path) {
        Packing::Gzip => Bomb::GzipMembers,
        Packing::Xz => Bomb::XzStreams,
        _ => Bomb::ZstdRuns,
    })
}

fn packing_of(word: &str) -> Result<Packing, Trouble> {
    Ok(match word {
        "plain" => Packing::Plain,
        "gzip" => Packing::Gzip,
        "xz" => Packing::Xz,
        "xz-crc64" => Packing::XzCrc64,
        "xz-wide" => Packing::XzWide,
        "xz-two-streams" => Packing::XzTwoStreams,
        "zstd" => Packing::Zstd,
        "zstd-unsized" => Packing::ZstdUnsized,
        "zstd-long" => Packing::ZstdLong,
        _ => return Err(Trouble(format!("{word} is no packing"))),
    })
}

/// One fact of a `module` line: a word of ours, or a string of `.modinfo`.
fn described(spec: ModuleSpec, raw: &[u8]) -> Result<ModuleSpec, Trouble> {
    let fact = String::from_utf8_lossy(raw);
    let Some((key, value)) = fact.split_once('=') else {
        return Ok(spec.modinfo_raw(raw));
    };
    let items = || value.split(',').filter(|item| !item.is_empty());
    let hex = |text: &str| {
        let number = u64::from_str_radix(text.trim_start_matches("0x"), 16);
        number.map_err(|e| Trouble(format!("{text}: {e}")))
    };
    let with_crc = |item: &str| match item.split_once(':') {
        Some((name, crc)) => Ok((name.to_owned(), hex(crc)?)),
        None => Ok((item.to_owned(), default_crc(item))),
    };
    let mut spec = spec;
    match key {
        "exports" => {
            for item in items() {
                let (name, crc) = with_crc(item)?;
                spec = spec.export(&name, crc);
            }
        }
        "strings" => spec = spec.ksymtab_strings(value.split(',')),
        "needs" => spec = items().fold(spec, ModuleSpec::needs),
        "weakly" => spec = items().fold(spec, ModuleSpec::needs_weak),
        "defines" => spec = items().fold(spec, ModuleSpec::defines),
        "versions" => {
            for item in items() {
                let (name, crc) = with_crc(item)?;
                spec = spec.version(&name, crc);
            }
        }
        "extended-versions" => {
            for item in items() {
                let (name, crc) = with_crc(item)?;
                let crc = u32::try_from(crc).map_err(|e| Trouble(format!("{item}: {e}")))?;
                spec = spec.ext_version(&name, crc);
            }
        }
        "class" => {
            spec = spec.class(if value == "32" { Class::Elf32 } else { Class::Elf64 });
        }
        "endian" => {
            spec = spec.endian(if value == "big" { Endian::Big } else { Endian::Little });
        }
        "signed" => {
            let bytes: Vec<u8> = (0..48).collect();
            spec = match value.split_once(':') {
                Some(("pkcs7", name)) => {
                    spec.signed(Signed::Pkcs7(Pkcs7::by(name, &[0x1a, 0xb2], &bytes)))
                }
                Some(("legacy", name)) => spec.signed(Signed::Legacy {
                    id_type: 1,
                    hash: 4,
                    signer: name.into(),
                    key_id: vec![0xde, 0xad],
                    signature: bytes,
                }),
                _ => return Err(Trouble(format!("{fact}: pkcs7:NAME or legacy:NAME"))),
            };
        }
        _ => spec = spec.modinfo_raw(raw),
    }
    Ok(spec)
}

/// A CRC for an export that names none: any number of its own will do.
fn default_crc(name: &str) -> u64 {
    name.bytes().fold(0x1000, |crc: u64, byte| (crc * 31 + u64::from(byte)) & 0xffff_ffff)
}
