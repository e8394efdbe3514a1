//! Programs of the system that the project's commands need.
//!
//! As root they are installed by apt; anybody else is told in one line what
//! to install.

use std::process::Command;

use crate::outcome::Stop;
use crate::packages::AptLock;
use crate::programs;

/// A program and the Debian package it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// The name looked for in `PATH`, or a file's absolute path.
    pub program: &'static str,
    /// The package of Debian and Ubuntu that has it.
    pub package: &'static str,
}

/// The machine of the vm scenarios.
pub const QEMU: Need = Need { program: "qemu-system-x86_64", package: "qemu-system-x86" };
/// The maker of a Debian system in a directory.
pub const DEBOOTSTRAP: Need = Need { program: "debootstrap", package: "debootstrap" };
/// The maker of ext4 file systems.
pub const MKFS_EXT4: Need = Need { program: "mkfs.ext4", package: "e2fsprogs" };
/// The maker of XFS file systems.
pub const MKFS_XFS: Need = Need { program: "mkfs.xfs", package: "xfsprogs" };
/// The hand of device-mapper, for disks that fail.
pub const DMSETUP: Need = Need { program: "dmsetup", package: "dmsetup" };
/// The maker of keys to sign modules with.
pub const OPENSSL: Need = Need { program: "openssl", package: "openssl" };
/// The compiler of the static program's C parts.
pub const MUSL: Need = Need { program: "musl-gcc", package: "musl-tools" };
/// What sees the system calls of a program.
pub const STRACE: Need = Need { program: "strace", package: "strace" };
/// What compares the interfaces of two libraries.
pub const ABIDIFF: Need = Need { program: "abidiff", package: "abigail-tools" };
/// What watches a program's memory and counts its instructions.
pub const VALGRIND: Need = Need { program: "valgrind", package: "valgrind" };

/// Makes sure that a program is there.
///
/// [`Stop::NotHere`] if it is missing and cannot be installed: without root,
/// without apt, or when apt fails. The text says what to type.
pub fn ensure(need: Need) -> Result<(), Stop> {
    if programs::find(need.program).is_some() {
        return Ok(());
    }
    let Need { program, package } = need;
    if !nix::unistd::geteuid().is_root() || programs::find("apt-get").is_none() {
        return Err(Stop::NotHere(format!(
            "{program} is not installed: apt-get install {package}"
        )));
    }
    let _lock = AptLock::take()?;
    eprintln!("installing {package}");
    let install = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-y"]);
        programs::text(apt.args(["install", "--no-install-recommends", package]))
    };
    // The lists of a fresh image are empty, those of an old one too old.
    let installed = install().or_else(|_| {
        programs::text(Command::new("apt-get").args(["-qq", "update"]))?;
        install()
    });
    match installed {
        Ok(_) if programs::find(program).is_some() => Ok(()),
        Ok(_) => Err(Stop::NotHere(format!("{package} is installed, but has no {program}"))),
        Err(stop) => Err(Stop::NotHere(format!("{program} cannot be installed: {stop}"))),
    }
}
