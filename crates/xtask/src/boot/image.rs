//! A Debian system as a disk, with the kernel and the initramfs that boot it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Start, sum};
use crate::install::{self, MKFS_EXT4};
use crate::outcome::Stop;
use crate::programs;
use crate::system::{Copy, System};
use crate::workspace::workspace;

/// The library that udev asks the loader for.
const LIBRARY: &str = "usr/lib/x86_64-linux-gnu/libkmod.so.2";

/// How large the disk is: room for a second kernel.
const SIZE: &str = "3G";

/// Whose module tools and library a system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// komod's.
    Komod,
    /// Debian's.
    Original,
}

impl Side {
    /// Its name, in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Komod => "komod",
            Self::Original => "kmod",
        }
    }
}

/// A disk with a system, and what boots it.
#[derive(Debug, Clone)]
pub struct Image {
    /// Whose tools it has.
    pub side: Side,
    /// The disk: ext4, without partitions.
    pub disk: PathBuf,
    /// What `uname -r` says.
    pub release: String,
    /// The checksum of its library.
    pub library: String,
    dir: PathBuf,
}

impl Image {
    /// A disk with a copy of the system, for whose account everything is there.
    ///
    /// `own` are komod's packages. With `debs`, packages that it may install later, it also
    /// has made itself an initramfs by initramfs-tools and one by dracut.
    pub fn make(
        system: &System,
        side: Side,
        own: &[PathBuf],
        debs: Option<&Path>,
        scratch: &Path,
    ) -> Result<Self, Stop> {
        install::ensure(MKFS_EXT4)?;
        let copy = match debs {
            None => system.lean_copy(side.name())?,
            Some(_) => system.copy(side.name())?,
        };
        let root = &copy.root;
        account(root)?;
        match debs {
            Some(debs) => archive(&copy, debs)?,
            None => no_initramfs(root)?,
        }
        if side == Side::Komod {
            install_packages(&copy, own)?;
        }
        for script in ["makers", "dkms"].iter().filter(|_| debs.is_some()) {
            let file = workspace().join("tests/vm/debian13").join(script);
            copy.run(&fs::read_to_string(&file).map_err(Stop::io(file.display()))?, &[])?;
        }
        let image = Self {
            side,
            disk: scratch.join(format!("{}.disk", side.name())),
            release: release(root)?,
            library: sum(&root.join(LIBRARY))?,
            dir: scratch.join(side.name()),
        };
        image.write(root)?;
        Ok(image)
    }

    /// Its own kernel with this first root; the disk forgets.
    pub fn start(&self, initramfs: PathBuf, steps: &'static str) -> Start {
        Start { kernel: self.kernel(), initramfs, steps, forgets: true }
    }

    /// The same disk, on which the original's packages have come back.
    pub fn with_the_original(&self, root: &Path) -> Result<Self, Stop> {
        let library = sum(&root.join(LIBRARY))?;
        Ok(Self { side: Side::Original, library, ..self.clone() })
    }

    /// Its kernel.
    pub fn kernel(&self) -> PathBuf {
        self.dir.join("kernel")
    }

    /// What initramfs-tools has made in it.
    pub fn initramfs(&self) -> PathBuf {
        self.dir.join("initramfs")
    }

    /// What dracut has made in it.
    pub fn dracut(&self) -> PathBuf {
        self.dir.join("dracut")
    }

    /// The kernel that the booted system has installed, and its initramfs.
    pub fn installed(&self, package: &str) -> Result<(PathBuf, PathBuf), Stop> {
        let release = package.trim_start_matches("linux-image-");
        let fetch = |name: &str| {
            let to = self.dir.join(format!("{name}{release}"));
            let command = format!("dump /boot/{name}{release} {}", to.display());
            programs::text(Command::new("debugfs").args(["-R", &command]).arg(&self.disk))?;
            match fs::metadata(&to) {
                Ok(file) if file.len() > 0 => Ok(to),
                _ => Err(Stop::Failed(format!("the disk has no /boot/{name}{release}"))),
            }
        };
        Ok((fetch("vmlinuz-")?, fetch("initrd.img-")?))
    }

    /// Makes the disk, and copies of what boots it.
    fn write(&self, root: &Path) -> Result<(), Stop> {
        fs::create_dir_all(&self.dir).map_err(Stop::io(self.dir.display()))?;
        let boot = root.join("boot");
        for (from, to, needed) in [
            (format!("vmlinuz-{}", self.release), self.kernel(), true),
            (format!("initrd.img-{}", self.release), self.initramfs(), false),
            ("dracut.img".into(), self.dracut(), false),
        ] {
            let from = boot.join(from);
            if needed || from.exists() {
                fs::copy(&from, &to).map_err(Stop::io(from.display()))?;
            }
        }
        let mut make = Command::new(programs::find(MKFS_EXT4.program).unwrap_or_default());
        make.args(["-q", "-F", "-d"]).arg(root).arg(&self.disk).arg(SIZE);
        programs::text(&mut make).map(drop)
    }
}

/// The one kernel of a system.
fn release(root: &Path) -> Result<String, Stop> {
    let dir = root.join("usr/lib/modules");
    let entries = fs::read_dir(&dir).map_err(Stop::io(dir.display()))?;
    let name = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).next();
    name.ok_or_else(|| Stop::Failed(format!("{} is empty", dir.display())))
}

/// What a system needs to give its account.
fn account(root: &Path) -> Result<(), Stop> {
    let scripts = workspace().join("tests/vm/debian13");
    for (name, to) in
        [("account", "debian13/account"), ("account.service", "etc/systemd/system/account.service")]
    {
        let (from, to) = (scripts.join(name), root.join(to));
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir).map_err(Stop::io(dir.display()))?;
        }
        fs::copy(&from, &to).map_err(Stop::io(from.display()))?;
    }
    let wanted = root.join("etc/systemd/system/multi-user.target.wants/account.service");
    std::os::unix::fs::symlink("../account.service", &wanted)
        .map_err(Stop::io(wanted.display()))?;
    for (name, text) in [
        ("etc/modules-load.d/account.conf", "loop\ndummy\n"),
        ("etc/modprobe.d/account.conf", "options loop max_loop=6\nblacklist pcspkr\n"),
        // Small, soon made and soon unpacked.
        ("etc/initramfs-tools/conf.d/account", "COMPRESS=zstd\nCOMPRESSLEVEL=1\n"),
    ] {
        let file = root.join(name);
        fs::write(&file, text).map_err(Stop::io(file.display()))?;
    }
    // Nothing may begin by itself while it speaks, and there is no network.
    for gone in ["etc/systemd/system/timers.target.wants", "etc/apt/sources.list.d"] {
        let dir = root.join(gone);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        }
    }
    let list = root.join("etc/apt/sources.list");
    fs::write(&list, "deb [trusted=yes] file:/debian13/archive ./\n")
        .map_err(Stop::io(list.display()))
}

/// Puts packages in as the system's only archive.
fn archive(copy: &Copy, debs: &Path) -> Result<(), Stop> {
    let to = copy.root.join("debian13/archive");
    programs::run(Command::new("cp").arg("-r").arg(debs).arg(&to))?;
    let kernel = copy.root.join("debian13/kernel");
    fs::rename(to.join("kernel"), &kernel).map_err(Stop::io(kernel.display()))?;
    let script = "set -e; cd /debian13/archive; dpkg-scanpackages . >Packages 2>/dev/null
        apt-get -qq update";
    copy.run(script, &[]).map(drop)
}

/// Lets the system make no initramfs.
fn no_initramfs(root: &Path) -> Result<(), Stop> {
    let list = root.join("etc/apt/sources.list");
    fs::write(&list, "").map_err(Stop::io(list.display()))?;
    let settings = root.join("etc/initramfs-tools/update-initramfs.conf");
    fs::write(&settings, "update_initramfs=no\n").map_err(Stop::io(settings.display()))
}

/// Has apt put komod's packages in the place of the original's.
fn install_packages(copy: &Copy, own: &[PathBuf]) -> Result<(), Stop> {
    let dir = copy.root.join("debian13/own");
    fs::create_dir(&dir).map_err(Stop::io(dir.display()))?;
    for package in own {
        let name = package.file_name().unwrap_or_default();
        fs::copy(package, dir.join(name)).map_err(Stop::io(package.display()))?;
    }
    let script = "set -e; export LC_ALL=C DEBIAN_FRONTEND=noninteractive
        apt-get -q install -y --no-install-recommends /debian13/own/*.deb
        for package in kmod libkmod2; do
            case $(dpkg-query -W -f '${db:Status-Abbrev}' $package) in
            i*) echo \"$package is still there\" >&2; exit 1 ;;
            esac
        done
        dpkg --audit";
    copy.run(script, &[]).map(drop)
}
