//! What a virtual machine finds in its root: a static busybox, one set of
//! module tools, some of Debian 13's modules, and scripts.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use komod_fixtures::{Packing, pack};

use crate::cpio::Archive;
use crate::fetch::{Debian13, Original};
use crate::install;
use crate::outcome::Stop;
use crate::packages;
use crate::programs;
use crate::samples::SAMPLES;
use crate::vm;
use crate::workspace::workspace;

/// The six names of the one program.
pub const NAMES: [&str; 6] = ["depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod"];

/// The module tools of a guest.
pub enum Tools {
    /// komod: one static program.
    Komod(PathBuf),
    /// The original, with its loader and libraries.
    Original(Original),
}

/// How a module's file is stored in the guest, where it is not as packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Not compressed.
    Plain,
    /// gzip: not the kernel's own choice in Debian 13.
    Gzip,
    /// zstd: likewise.
    Zstd,
    /// In a packing of the test modules: xz as the kernel's decoder does not know it.
    Packed(Packing),
}

/// The root of a guest, being filled.
pub struct Guest<'a> {
    debian: &'a Debian13,
    archive: Archive,
    modules: String,
}

impl<'a> Guest<'a> {
    /// A root with busybox as its shell and everything else of a system.
    pub fn new(debian: &'a Debian13) -> Result<Self, Stop> {
        let mut guest = Self {
            modules: format!("usr/lib/modules/{}", debian.release),
            debian,
            archive: Archive::default(),
        };
        for (merged, place) in
            [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]
        {
            guest.archive.directory(place);
            guest.archive.link(merged, place);
        }
        guest.copy(&debian.busybox.clone(), "usr/bin/busybox", 0o755)?;
        guest.archive.link("usr/bin/sh", "busybox");
        Ok(guest)
    }

    /// Puts the tools in, under their six names in /sbin.
    pub fn tools(&mut self, tools: &Tools) -> Result<(), Stop> {
        match tools {
            Tools::Komod(program) => self.copy(program, "usr/bin/kmod", 0o755)?,
            Tools::Original(original) => {
                self.copy(&original.program(), "usr/bin/kmod", 0o755)?;
                self.libraries(original)?;
            }
        }
        for name in NAMES {
            self.archive.link(&format!("usr/sbin/{name}"), "../bin/kmod");
        }
        Ok(())
    }

    /// Puts a C program in, with the library of modules it is linked with; all else is
    /// the original's.
    pub fn program(&mut self, program: &Path, library: &Path) -> Result<(), Stop> {
        let original = self.debian.original.clone();
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.copy(program, &format!("usr/bin/{name}"), 0o755)?;
        self.copy(library, "usr/lib/x86_64-linux-gnu/libkmod.so.2", 0o755)?;
        self.copy(&original.loader(), "usr/lib64/ld-linux-x86-64.so.2", 0o755)?;
        for library in ["libc.so.6", "liblzma.so.5", "libzstd.so.1", "libcrypto.so.3", "libz.so.1"]
        {
            self.library(&original, library)?;
        }
        Ok(())
    }

    /// Puts the original in beside the tools, as `/original/modprobe`.
    pub fn original_beside(&mut self) -> Result<(), Stop> {
        let original = &self.debian.original.clone();
        self.copy(&original.program(), "original/modprobe", 0o755)?;
        self.libraries(original)
    }

    /// Puts this machine's `dmsetup` in: `/dm/loader --library-path /dm /dm/dmsetup`.
    pub fn dmsetup(&mut self) -> Result<(), Stop> {
        install::ensure(install::DMSETUP)?;
        let program = programs::find(install::DMSETUP.program).unwrap_or_default();
        self.copy(&program, "dm/dmsetup", 0o755)?;
        let needs = programs::text(Command::new("ldd").arg(&program))?;
        // NAME => PATH (ADDRESS), and the loader without a name.
        for path in needs.split_whitespace().filter(|word| word.starts_with('/')) {
            let path = Path::new(path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = if name.starts_with("ld-linux") { "loader".into() } else { name };
            self.copy(path, &format!("dm/{name}"), 0o755)?;
        }
        Ok(())
    }

    /// Puts `tests/vm/quota.c` in, which needs no library.
    pub fn quota(&mut self) -> Result<(), Stop> {
        let built = vm::scratch()?.join("quota");
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-o"]).arg(&built);
        programs::run(cc.arg(workspace().join("tests/vm/quota.c")))?;
        self.copy(&built, "usr/bin/quota", 0o755)
    }

    /// Puts modules in, with those they depend on and what the kernel's build
    /// left beside them; depmod has still to run. A form is for the module
    /// named, not for its dependencies.
    pub fn modules(&mut self, named: &[(&str, Option<Form>)]) -> Result<(), Stop> {
        for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
            let from = self.debian.modules_dir.join(list);
            self.copy(&from, &format!("{}/{list}", self.modules), 0o644)?;
        }
        let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        for path in dependencies(self.debian, &names)? {
            let file = self.debian.modules_dir.join(&path);
            let form = named.iter().find(|(n, _)| is_module(&path, n)).and_then(|(_, form)| *form);
            let Some(form) = form else {
                self.copy(&file, &format!("{}/{path}", self.modules), 0o644)?;
                continue;
            };
            let (suffix, bytes) = stored(&file, form).map_err(Stop::io(file.display()))?;
            let plain = path.trim_end_matches(".xz");
            self.archive.file(&format!("{}/{plain}{suffix}", self.modules), 0o644, &bytes);
        }
        Ok(())
    }

    /// Puts spoilt forms of a module in, each as `/samples/FORM.ko`.
    pub fn samples(&mut self, module: &str) -> Result<(), Stop> {
        let paths = dependencies(self.debian, &[module])?;
        let path = paths.iter().find(|p| is_module(p, module)).cloned().unwrap_or_default();
        for sample in SAMPLES {
            let bytes = sample.of(&self.debian.modules_dir.join(&path))?;
            self.archive.file(&format!("samples/{}.ko", sample.name), 0o644, &bytes);
        }
        Ok(())
    }

    /// Puts a file of this machine in.
    pub fn copy(&mut self, from: &Path, to: &str, mode: u32) -> Result<(), Stop> {
        let bytes = std::fs::read(from).map_err(Stop::io(from.display()))?;
        self.archive.file(to, mode, &bytes);
        Ok(())
    }

    /// Puts a file with these contents in.
    pub fn write(&mut self, to: &str, mode: u32, contents: &str) {
        self.archive.file(to, mode, contents.as_bytes());
    }

    /// Writes the archive the kernel unpacks.
    pub fn finish(self, to: &Path) -> Result<(), Stop> {
        std::fs::write(to, self.archive.finish()).map_err(Stop::io(to.display()))
    }

    /// What the original needs to run.
    fn libraries(&mut self, original: &Original) -> Result<(), Stop> {
        self.copy(&original.loader(), "usr/lib64/ld-linux-x86-64.so.2", 0o755)?;
        let libraries = ["libc.so.6", "libkmod.so.2", "liblzma.so.5", "libzstd.so.1", "libz.so.1"];
        for library in libraries {
            self.library(original, library)?;
        }
        self.library(original, "libcrypto.so.3")
    }

    fn library(&mut self, original: &Original, name: &str) -> Result<(), Stop> {
        let from = original.libraries().join(name);
        self.copy(&from, &format!("usr/lib/x86_64-linux-gnu/{name}"), 0o755)
    }
}

/// The file of a module in another form, and what its name ends with.
fn stored(file: &Path, form: Form) -> std::io::Result<(&'static str, Vec<u8>)> {
    let mut plain = Vec::new();
    xz2::read::XzDecoder::new(std::fs::File::open(file)?).read_to_end(&mut plain)?;
    Ok(match form {
        Form::Plain => ("", plain),
        Form::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(&plain)?;
            (".gz", writer.finish()?)
        }
        Form::Zstd => (".zst", zstd::bulk::compress(&plain, 3)?),
        Form::Packed(packing) => (".xz", pack(&plain, packing)),
    })
}

/// The paths of modules and of all they depend on, relative to the module
/// directory, as the original depmod finds them.
fn dependencies(debian: &Debian13, names: &[&str]) -> Result<BTreeSet<String>, Stop> {
    let index = packages::cache()?.join(format!("index-{}", debian.release));
    packages::once(&index, |fresh| {
        let mut depmod = debian.original.command("depmod");
        depmod.arg("-b").arg(&debian.base).arg("-o").arg(fresh).arg(&debian.release);
        programs::text(&mut depmod).map(drop)
    })?;
    let file = index.join("lib/modules").join(&debian.release).join("modules.dep");
    let text = std::fs::read_to_string(&file).map_err(Stop::io(file.display()))?;
    let mut paths = BTreeSet::new();
    for name in names {
        let (path, needs) = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(path, _)| is_module(path, name))
            .ok_or_else(|| Stop::Failed(format!("Debian's kernel has no module {name}")))?;
        paths.insert(path.to_owned());
        paths.extend(needs.split_whitespace().map(str::to_owned));
    }
    Ok(paths)
}

/// Whether a path is that of the module `name`, whose file is xz-compressed.
fn is_module(path: &str, name: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".ko.xz").is_some_and(|stem| stem.replace('-', "_") == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_modules() {
        assert!(is_module("kernel/drivers/net/dummy.ko.xz", "dummy"));
        assert!(is_module("kernel/sound/snd-pcm.ko.xz", "snd_pcm"));
        assert!(!is_module("kernel/drivers/net/dummy.ko.xz", "dumm"));
        assert!(!is_module("kernel/dummy/x.ko.xz", "dummy"));
    }
}
