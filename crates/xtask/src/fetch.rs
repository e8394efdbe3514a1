//! Debian's kernels and the original tools, as the tests use them.
//!
//! Everything lands in the cache directory ([`packages::cache`]) and is
//! downloaded once. Nothing of it is ever installed, and nothing of it must
//! be written to: copy a tree, or let `depmod -o` write elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outcome::Stop;
use crate::packages::{self, AptLock, Suite};

/// The libraries the original runs with, its loader among them.
const LIBRARIES: [&str; 5] = ["libc6", "libkmod2", "liblzma5", "libzstd1", "zlib1g"];

/// The original tools of one Debian release, run through their own loader
/// and libraries, so that they work on any x86-64 host.
#[derive(Debug, Clone)]
pub struct Original {
    root: PathBuf,
}

impl Original {
    /// A command that runs the original as `tool` (depmod, modprobe, modinfo,
    /// lsmod, insmod, rmmod, kmod). Its environment is the caller's.
    pub fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.loader());
        command.arg("--library-path").arg(self.libraries());
        command.args(["--argv0", tool]).arg(self.program());
        command
    }

    /// The one program behind all six names.
    pub fn program(&self) -> PathBuf {
        self.either(&["usr/bin/kmod", "bin/kmod"])
    }

    /// The dynamic loader of the same release.
    pub fn loader(&self) -> PathBuf {
        self.libraries().join("ld-linux-x86-64.so.2")
    }

    /// The directory of its libraries.
    pub fn libraries(&self) -> PathBuf {
        // Debian 12's libkmod and libc still lie in /lib, its libcrypto in
        // /usr/lib: fetching joins them in one directory.
        self.root.join("libraries")
    }

    fn either(&self, places: &[&str]) -> PathBuf {
        let mut found = places.iter().map(|place| self.root.join(place));
        let first = found.next().unwrap_or_default();
        if first.exists() { first } else { found.find(|p| p.exists()).unwrap_or(first) }
    }
}

/// Debian 13: kernel 6.12, kmod 34.2.
#[derive(Debug, Clone)]
pub struct Debian13 {
    /// The directory to give to `-b`: the modules lie in
    /// `BASE/lib/modules/RELEASE`. As packaged: depmod has not run there.
    pub base: PathBuf,
    /// `BASE/lib/modules/RELEASE`.
    pub modules_dir: PathBuf,
    /// The kernel, as QEMU boots it.
    pub kernel_image: PathBuf,
    /// What `uname -r` says under that kernel.
    pub release: String,
    /// kmod 34.2.
    pub original: Original,
    /// A busybox that needs no libraries.
    pub busybox: PathBuf,
    headers: PathBuf,
}

impl Debian13 {
    /// Gets it from the cache, or downloads it.
    ///
    /// [`Stop::NotHere`] without network, apt or a mirror that carries it.
    pub fn fetch() -> Result<Self, Stop> {
        let dir = directory("debian13", |dir, lock| {
            let suite = Suite::open("trixie", lock)?;
            let image = suite.dependency("linux-image-amd64", "linux-image-")?;
            let headers = suite.dependency("linux-headers-amd64", "linux-headers-")?;
            suite.unpack(&[&image, "busybox-static"], &dir.join("kernel"))?;
            suite.unpack(&[&headers], &dir.join("headers"))?;
            original(&suite, "libssl3t64", dir)
        })?;
        let base = dir.join("kernel/usr");
        let modules = base.join("lib/modules");
        let release = only_entry(&modules)?;
        Ok(Self {
            modules_dir: modules.join(&release),
            kernel_image: dir.join(format!("kernel/boot/vmlinuz-{release}")),
            original: Original { root: dir.join("original") },
            busybox: dir.join("kernel/usr/bin/busybox"),
            headers: dir.join("headers/usr/src").join(format!("linux-headers-{release}")),
            base,
            release,
        })
    }

    /// `Module.symvers` of that kernel: its own exports and its modules'.
    pub fn headers(&self) -> PathBuf {
        self.headers.join("Module.symvers")
    }
}

/// The directory of Debian 13's `libkmod.h`: programs are compiled with it and with
/// komod's own, and must come out alike.
///
/// [`Stop::NotHere`] without network, apt or a mirror that carries it.
pub fn original_header() -> Result<PathBuf, Stop> {
    let dir = directory("libkmod-dev", |dir, lock| {
        Suite::open("trixie", lock)?.unpack(&["libkmod-dev"], &dir.join("root"))
    })?;
    Ok(dir.join("root/usr/include"))
}

/// The root of Debian 13's lspci with its own library, which asks libkmod which modules
/// a device has.
///
/// [`Stop::NotHere`] without network, apt or a mirror that carries it.
pub fn lspci() -> Result<PathBuf, Stop> {
    let dir = directory("pciutils", |dir, lock| {
        let packages = ["pciutils", "libpci3", "pci.ids"];
        Suite::open("trixie", lock)?.unpack(&packages, &dir.join("root"))
    })?;
    Ok(dir.join("root"))
}

/// The directory of Debian 12's liblzma 5.4, which takes half as long again as Debian 13's.
///
/// [`Stop::NotHere`] without network, apt or a mirror that carries it.
pub fn older_liblzma() -> Result<PathBuf, Stop> {
    let dir = directory("liblzma-bookworm", |dir, lock| {
        Suite::open("bookworm", lock)?.unpack(&["liblzma5"], &dir.join("root"))
    })?;
    Ok(dir.join("root/lib/x86_64-linux-gnu"))
}

/// Debian 12: kernel 6.1, kmod 30.
#[derive(Debug, Clone)]
pub struct Debian12 {
    /// The directory to give to `-b`; depmod has not run there.
    pub base: PathBuf,
    /// `BASE/lib/modules/RELEASE`.
    pub modules_dir: PathBuf,
    /// What `uname -r` says under that kernel.
    pub release: String,
    /// kmod 30.
    pub original: Original,
}

impl Debian12 {
    /// Gets it from the cache, or downloads it.
    ///
    /// [`Stop::NotHere`] without network, apt or a mirror that carries it.
    pub fn fetch() -> Result<Self, Stop> {
        let dir = directory("debian12", |dir, lock| {
            let suite = Suite::open("bookworm", lock)?;
            let image = suite.dependency("linux-image-amd64", "linux-image-")?;
            suite.unpack(&[&image], &dir.join("kernel"))?;
            original(&suite, "libssl3", dir)
        })?;
        let base = dir.join("kernel");
        let modules = base.join("lib/modules");
        let release = only_entry(&modules)?;
        Ok(Self {
            modules_dir: modules.join(&release),
            original: Original { root: dir.join("original") },
            base,
            release,
        })
    }
}

/// The directory of one release in the cache, filled by `fill` if it is new.
fn directory(
    name: &str,
    fill: impl FnOnce(&Path, &AptLock) -> Result<(), Stop>,
) -> Result<PathBuf, Stop> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Stop::NotHere("Debian's kernels are fetched for x86-64 only".into()));
    }
    let dir = packages::cache()?.join(name);
    if dir.is_dir() {
        return Ok(dir);
    }
    let lock = AptLock::take()?;
    if packages::once(&dir, |fresh| fill(fresh, &lock))? {
        eprintln!("fetch: {} is ready", dir.display());
    }
    Ok(dir)
}

/// Unpacks kmod and joins its libraries in one directory.
fn original(suite: &Suite, crypto: &str, dir: &Path) -> Result<(), Stop> {
    let root = dir.join("original");
    let mut packages = vec!["kmod", crypto];
    packages.extend(LIBRARIES);
    suite.unpack(&packages, &root)?;
    let joined = root.join("libraries");
    std::fs::create_dir_all(&joined).map_err(Stop::io(joined.display()))?;
    for place in ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"] {
        let Ok(entries) = std::fs::read_dir(root.join(place)) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_file() {
                let to = joined.join(entry.file_name());
                std::fs::copy(&path, &to).map_err(Stop::io(to.display()))?;
            }
        }
    }
    Ok(())
}

/// The name of the one entry of a directory.
fn only_entry(dir: &Path) -> Result<String, Stop> {
    let entries = std::fs::read_dir(dir).map_err(Stop::io(dir.display()))?;
    let names: Vec<String> =
        entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(Stop::Failed(format!("{}: one entry expected, found {names:?}", dir.display()))),
    }
}
