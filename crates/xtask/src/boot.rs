//! `cargo xtask vm debian13`: Debian 13 under QEMU, once with its own kmod and once with
//! komod in its place. Both have to say the same of themselves.
//!
//! | file | what |
//! |---|---|
//! | `image` | a system with one or the other, as a disk with its kernel and initramfs |
//! | `early` | an initramfs of busybox and komod, as Alpine's and Arch's are made |
//! | `account` | what a booted system says, and how two of them differ |
//! | `coldplug` | udev's time with one library and the other |
//!
//! `tests/vm/debian13/account` is what a booted system does and says.

pub mod account;
pub mod coldplug;
pub mod early;
pub mod image;

use std::path::{Path, PathBuf};
use std::time::Instant;

use account::Account;
use early::Habit;
use image::{Image, Side};

use crate::libkmod::Library;
use crate::outcome::{Stop, Tally};
use crate::packages::{self, AptLock, Suite};
use crate::qemu::{Event, Hardware, Machine, tell};
use crate::system::System;
use crate::{binary, debian, leftovers, programs};

/// What the machine has for udev to find, each a driver of another kind. The network
/// reaches nothing.
const DEVICES: &[&str] = &[
    "-netdev",
    "user,id=net,restrict=on",
    "-device",
    "e1000e,netdev=net",
    "-device",
    "qemu-xhci,id=xhci",
    "-device",
    "usb-kbd,bus=xhci.0",
    "-audiodev",
    "none,id=sound",
    "-device",
    "intel-hda",
    "-device",
    "hda-duplex,audiodev=sound",
    "-device",
    "virtio-scsi-pci",
    "-device",
    "virtio-balloon-pci",
    "-device",
    "virtio-serial-pci",
    "-device",
    "ich9-ahci",
    "-device",
    "megasas",
    "-device",
    "sdhci-pci",
    "-device",
    "VGA",
    "-device",
    "i6300esb",
    "-device",
    "pvpanic-pci",
    // The other end of the serial line that comes later.
    "-chardev",
    "null,id=none",
];

/// What can be asked for, each with the packages that it installs or by itself.
const STAGES: [&str; 5] = ["arch", "alpine", "initramfs-tools", "dracut", "lifetime"];

/// `cargo xtask vm debian13 [STAGE...]`, or `--coldplug [--boots N]`.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tally = match words.as_slice() {
        ["--coldplug"] => coldplug::run(coldplug::BOOTS)?,
        ["--coldplug", "--boots", n] => match n.parse() {
            Ok(boots) if boots > 0 => coldplug::run(boots)?,
            _ => return Err(Stop::Failed("--boots takes a number".into())),
        },
        stages => match stages.iter().find(|stage| !STAGES.contains(stage)) {
            None if stages.is_empty() => all(&STAGES)?,
            None => all(stages)?,
            Some(odd) => {
                let known = STAGES.join(", ");
                return Err(Stop::Failed(format!("vm debian13 knows {known}; not {odd}")));
            }
        },
    };
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// The tests' part: one boot with each, by the smallest initramfs.
pub fn part() -> Result<Tally, Stop> {
    all(&["arch"])
}

/// These stages, one after the other.
fn all(stages: &[&str]) -> Result<Tally, Stop> {
    let place = Place::new()?;
    let small = stages.iter().all(|stage| ["arch", "alpine"].contains(stage));
    let archive = if small { None } else { Some(archive()?) };
    let debs = archive.as_ref().map(|(dir, _)| dir.as_path());
    let ours = place.image(Side::Komod, debs)?;
    let mut tally = Tally::default();
    if stages.iter().any(|stage| *stage != "lifetime") {
        let theirs = place.image(Side::Original, debs)?;
        for stage in stages {
            let early = |habit| place.early(&ours, habit);
            let (start, before) = (Instant::now(), tally);
            match *stage {
                "arch" => {
                    let early = early(Habit::Arch)?;
                    place.both(
                        [&ours, &theirs],
                        [early.clone(), early],
                        stage,
                        "system,plug",
                        &mut tally,
                    )?;
                }
                "alpine" => {
                    let early = early(Habit::Alpine)?;
                    place.both(
                        [&ours, &theirs],
                        [early.clone(), early],
                        stage,
                        "system",
                        &mut tally,
                    )?;
                }
                "initramfs-tools" => {
                    let own = [ours.initramfs(), theirs.initramfs()];
                    place.both([&ours, &theirs], own, stage, "system,plug", &mut tally)?;
                }
                "dracut" => {
                    let own = [ours.dracut(), theirs.dracut()];
                    place.both([&ours, &theirs], own, stage, "system", &mut tally)?;
                }
                _ => continue,
            }
            ended(stage, before, tally, start);
        }
    }
    if let Some((_, kernel)) = archive.filter(|_| stages.contains(&"lifetime")) {
        let (start, before) = (Instant::now(), tally);
        lifetime(&place, &ours, &kernel, &mut tally)?;
        ended("lifetime", before, tally, start);
    }
    Ok(tally)
}

/// Says what a stage came to.
fn ended(stage: &str, before: Tally, after: Tally, start: Instant) {
    let (passed, failed) = (after.passed - before.passed, after.failed - before.failed);
    let seconds = start.elapsed().as_secs();
    println!("debian13: {stage}: {passed} checks passed, {failed} failed, {seconds} s");
}

/// A disk that keeps what is written: a module by dkms, another kernel, then the original
/// again. The last boot has to say what the one before, with komod, has said.
fn lifetime(place: &Place, image: &Image, kernel: &str, tally: &mut Tally) -> Result<(), Stop> {
    let start = Start { forgets: false, ..image.start(image.initramfs(), "dkms_module,kernel") };
    account::alone("dkms, another kernel", &place.boot(image, &start)?, tally);
    let (own, initramfs) = image.installed(kernel)?;
    let start = Start { kernel: own, initramfs, steps: "system,back", forgets: false };
    let ours = place.boot(image, &start)?;
    account::alone("the other kernel, the way back", &ours, tally);
    let start = Start { initramfs: image.installed(kernel)?.1, steps: "system", ..start };
    let theirs = place.boot(&image.with_the_original(place.system.root())?, &start)?;
    account::judge("after the way back", &ours, &theirs, tally);
    Ok(())
}

/// The packages that a booted system installs, downloaded: the original, and another
/// kernel, the one of Debian's cloud images, with the name of its package.
fn archive() -> Result<(PathBuf, String), Stop> {
    let dir = packages::cache()?.join("debian13-archive");
    packages::once(&dir, |dir| {
        let suite = Suite::open("trixie", &AptLock::take()?)?;
        let kernel = suite.dependency("linux-image-cloud-amd64", "linux-image-")?;
        suite.download(&["kmod", "libkmod2", &kernel], dir)?;
        std::fs::write(dir.join("kernel"), kernel).map_err(Stop::io(dir.display()))
    })?;
    let name = dir.join("kernel");
    let kernel = std::fs::read_to_string(&name).map_err(Stop::io(name.display()))?;
    Ok((dir, kernel))
}

/// How a system is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The kernel's image.
    pub kernel: PathBuf,
    /// Its first root.
    pub initramfs: PathBuf,
    /// The steps of the account, with commas between.
    pub steps: &'static str,
    /// Whether its disk is afterwards what it was.
    pub forgets: bool,
}

/// What all boots have in common.
pub struct Place {
    system: System,
    /// komod's program.
    program: PathBuf,
    /// Its packages with program and library.
    own: Vec<PathBuf>,
    scratch: tempfile::TempDir,
}

impl Place {
    /// Builds komod and gets Debian's system.
    pub fn new() -> Result<Self, Stop> {
        let system = System::fetch()?;
        let cache = packages::cache()?;
        leftovers::remove(&cache, "boot");
        let scratch = tempfile::Builder::new()
            .prefix(&format!("boot-{}-", std::process::id()))
            .tempdir_in(&cache)
            .map_err(Stop::io(cache.display()))?;
        let program = binary::musl()?;
        let mut own = debian::make(scratch.path(), &program, &Library::release()?)?;
        own.retain(|package| !package.to_string_lossy().contains("-dev_"));
        Ok(Self { system, program, own, scratch })
    }

    /// A system with these module tools; with packages to install later also with
    /// the initramfs that it makes itself.
    pub fn image(&self, side: Side, debs: Option<&Path>) -> Result<Image, Stop> {
        println!("debian13: a system with {}", side.name());
        Image::make(&self.system, side, &self.own, debs, self.scratch.path())
    }

    /// An initramfs of busybox and komod for that image.
    pub fn early(&self, image: &Image, habit: Habit) -> Result<PathBuf, Stop> {
        early::make(self.system.root(), &self.program, &image.release, habit, self.scratch.path())
    }

    /// Boots both, komod's first, each by its initramfs, and holds one to the other.
    fn both(
        &self,
        images: [&Image; 2],
        initramfs: [PathBuf; 2],
        name: &str,
        steps: &'static str,
        tally: &mut Tally,
    ) -> Result<(), Stop> {
        println!("debian13: {name}");
        let boot = |side: usize| {
            self.boot(images[side], &images[side].start(initramfs[side].clone(), steps))
        };
        account::judge(name, &boot(0)?, &boot(1)?, tally);
        Ok(())
    }

    /// Boots it and returns what it says of itself.
    pub fn boot(&self, image: &Image, start: &Start) -> Result<Account, Stop> {
        let name = image.side.name();
        println!("debian13: booting with {name}: {}", start.steps);
        let log = self.scratch.path().join("log");
        let monitor = self.scratch.path().join("monitor");
        let append = format!("root=/dev/vda rw quiet loglevel=5 account={}", start.steps);
        let machine = Machine {
            kernel: &start.kernel,
            initramfs: &start.initramfs,
            append: &append,
            log: &log,
            disks: std::slice::from_ref(&image.disk),
            hardware: Hardware {
                processors: 1,
                counted: true,
                devices: DEVICES,
                monitor: Some(&monitor),
                forgets: start.forgets,
                silence: 900,
                life: 3600,
            },
        };
        let mut account = Account::default();
        let mut number = 0;
        let ended = machine.boot(|event| {
            let Event::Line(line) = event else { return };
            if let Some(step) = line.strip_prefix("@@ step ") {
                println!("debian13:   {step}");
            }
            if let Some(device) = line.strip_prefix("@@ plug ") {
                number += 1;
                match tell(&monitor, &format!("device_add {device},id=later{number}")) {
                    Ok(said) if said.is_empty() => {}
                    said => account.line(&format!("@@ fail {device} is not taken: {said:?}")),
                }
            }
            account.line(line);
        });
        match ended {
            Ok(()) => {}
            Err(stop @ Stop::NotHere(_)) => return Err(stop),
            Err(Stop::Failed(why)) => account.line(&format!("@@ fail the machine: {why}")),
        }
        if !account.done {
            account.line(&format!("@@ fail its account ends early: {}", machine.last_messages()));
        }
        account.is_of(image.side, &image.library);
        Ok(account)
    }
}

/// The checksum of a file, or of what a link there leads to.
fn sum(file: &Path) -> Result<String, Stop> {
    let said = programs::text(std::process::Command::new("sha256sum").arg(file))?;
    Ok(said.split_whitespace().next().unwrap_or_default().to_owned())
}
