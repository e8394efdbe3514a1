//! A whole Debian system in a directory, and copies of it in which programs run
//! as root.
//!
//! debootstrap makes it once, in the cache directory. A run has a copy, its own
//! mounts and processes, and no network.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::mirror;
use crate::outcome::Stop;
use crate::packages::{self, AptLock};
use crate::programs;
use crate::{install, leftovers};

/// A release of Debian, and what is in a system of it beside the base.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// What its archive is called.
    pub suite: &'static str,
    folder: &'static str,
    packages: &'static [&'static str],
}

/// That of kmod 34.2, with a kernel and who handles its modules. `dracut-core` is dracut
/// without its claim to be the only one.
pub const TRIXIE: Release = Release { suite: "trixie", folder: "system", packages: &PACKAGES };

/// The one before, with little.
pub const BOOKWORM: Release = Release {
    suite: "bookworm",
    folder: "system-12",
    packages: &["bash-completion", "initramfs-tools", "kmod", "udev"],
};

const PACKAGES: [&str; 10] = [
    "cpio",
    "dkms",
    "dracut-core",
    "initramfs-tools",
    "kmod",
    "linux-headers-amd64",
    "linux-image-amd64",
    "systemd-sysv",
    "xz-utils",
    "zstd",
];

/// The system as debootstrap left it. Nothing is ever written to it.
#[derive(Debug, Clone)]
pub struct System {
    root: PathBuf,
}

/// A copy of it, gone when dropped.
#[derive(Debug)]
pub struct Copy {
    /// Its root directory.
    pub root: PathBuf,
}

impl System {
    /// That of Debian 13.
    pub fn fetch() -> Result<Self, Stop> {
        Self::of(TRIXIE)
    }

    /// Gets it from the cache, or makes it.
    ///
    /// [`Stop::NotHere`] for anybody but root, on a machine that is not x86-64,
    /// without debootstrap, network or a mirror that carries the release.
    pub fn of(release: Release) -> Result<Self, Stop> {
        let not_here = |why: &str| Err(Stop::NotHere(why.into()));
        if !nix::unistd::geteuid().is_root() {
            return not_here("only root can make a Debian system and run programs in it");
        }
        if std::env::consts::ARCH != "x86_64" {
            return not_here("Debian's packages are fetched for x86-64 only");
        }
        for program in ["unshare", "chroot", "mount"] {
            if programs::find(program).is_none() {
                return not_here(&format!("{program} is not installed"));
            }
        }
        let root = packages::cache()?.join(release.folder);
        if !root.is_dir() {
            install::ensure(install::DEBOOTSTRAP)?;
            let _lock = AptLock::take()?;
            packages::once(&root, |root| bootstrap(release, root))?;
        }
        Ok(Self { root })
    }

    /// Its root directory, to read.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A copy to write to, in the cache directory.
    pub fn copy(&self, name: &str) -> Result<Copy, Stop> {
        let copy = Copy::named(name)?;
        programs::run(
            Command::new("cp").args(["-a", "--reflink=auto"]).arg(&self.root).arg(&copy.root),
        )?;
        Ok(copy)
    }

    /// A copy with what boots and runs, half as large: without compiler, documentation,
    /// languages and initramfs.
    pub fn lean_copy(&self, name: &str) -> Result<Copy, Stop> {
        let copy = Copy::named(name)?;
        fs::create_dir(&copy.root).map_err(Stop::io(copy.root.display()))?;
        let script = r#"tar -C "$0" --exclude=./usr/src --exclude=./usr/libexec/gcc \
            --exclude=./usr/lib/gcc --exclude=./usr/share/doc --exclude=./usr/share/locale \
            --exclude='./boot/initrd*' -cf - . | tar -C "$1" -xpf -"#;
        programs::run(Command::new("sh").args(["-c", script]).arg(&self.root).arg(&copy.root))?;
        Ok(copy)
    }
}

impl Copy {
    /// Where a copy will be; it is not made yet. Those of killed runs are removed.
    fn named(name: &str) -> Result<Self, Stop> {
        let cache = packages::cache()?;
        leftovers::remove(&cache, "copy");
        Ok(Self { root: cache.join(format!("copy-{}-{name}", std::process::id())) })
    }

    /// Runs a shell's script as root of the copy, with these words; what it says
    /// is kept back and returned.
    ///
    /// [`Stop::NotHere`] on a machine where root may not make namespaces.
    pub fn run(&self, script: &str, words: &[&str]) -> Result<String, Stop> {
        let own = ["--mount", "--net", "--pid", "--fork", "--kill-child"];
        if programs::text(Command::new("unshare").args(own).arg("true")).is_err() {
            return Err(Stop::NotHere("no namespaces of its own can be made here".into()));
        }
        let place = self.root.join("script");
        fs::write(&place, script).map_err(Stop::io(place.display()))?;
        let enter = r#"mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh /script "$@""#;
        let mut command = Command::new("unshare");
        command.args(own).args(["sh", "-c", enter]).arg(&self.root).args(words);
        programs::text(&mut command)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Fills an empty directory with the system.
fn bootstrap(release: Release, root: &Path) -> Result<(), Stop> {
    let source = mirror::read(Path::new("/etc/apt"))
        .ok_or_else(|| Stop::NotHere("apt has no source of Debian packages".into()))?;
    eprintln!("fetch: a Debian system ({}); the first time takes some minutes", release.suite);
    let log = root.with_extension("log");
    let said = File::create(&log).map_err(Stop::io(log.display()))?;
    let mut command = Command::new("debootstrap");
    command.args(["--variant=minbase", "--arch=amd64"]);
    command.arg(format!("--include={}", release.packages.join(",")));
    // A key block that stands in apt's sources is no file that can be named.
    if let Some(keyring) = source.signed_by.filter(|keys| keys.starts_with('/')) {
        command.arg(format!("--keyring={keyring}"));
    }
    if let Some(proxy) = proxy() {
        command.env("http_proxy", &proxy).env("https_proxy", proxy);
    }
    let address = source.address.split_whitespace().next().unwrap_or_default();
    command.arg(release.suite).arg(root).arg(address);
    let errors = said.try_clone().map_err(Stop::io(log.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::from(said)).stderr(Stdio::from(errors));
    programs::run(&mut command)
        .map_err(|stop| Stop::NotHere(format!("{stop}; see {}", log.display())))?;
    for downloaded in ["var/cache/apt", "var/lib/apt/lists"] {
        let dir = root.join(downloaded);
        fs::remove_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    }
    fs::remove_file(&log).map_err(Stop::io(log.display()))
}

/// The proxy of this machine's apt; debootstrap does not ask for it.
fn proxy() -> Option<String> {
    let words = ["shell", "PROXY", "Acquire::http::Proxy"];
    let said = programs::text(Command::new("apt-config").args(words)).ok()?;
    let value = said.trim().strip_prefix("PROXY='")?.strip_suffix('\'')?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Replaces a program of the copy.
pub fn replace(file: &Path, program: &Path) -> Result<(), Stop> {
    let bytes = fs::read(program).map_err(Stop::io(program.display()))?;
    fs::remove_file(file).map_err(Stop::io(file.display()))?;
    let mut options = File::options();
    let options =
        std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o755);
    let mut to = options.open(file).map_err(Stop::io(file.display()))?;
    to.write_all(&bytes).map_err(Stop::io(file.display()))
}
