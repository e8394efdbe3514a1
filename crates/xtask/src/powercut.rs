//! `cargo xtask vm powercut [--rounds N] [--original]`: a machine that loses its
//! power while depmod works.
//!
//! QEMU is killed at a random moment: what the guest has not written to its disks,
//! above all its page cache, is lost, as when the power fails. The disks, one with
//! ext4 and one with XFS, outlive it; the next boot looks at the databases on them
//! and goes on, until the next kill. `tests/vm/powercut` is what the guest does.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::binary;
use crate::fetch::Debian13;
use crate::guest::{Form, Guest, Tools};
use crate::install::{self, MKFS_EXT4, MKFS_XFS};
use crate::outcome::{Stop, Tally};
use crate::programs;
use crate::qemu::{Ended, Event, Hardware, Machine};
use crate::random::Dice;
use crate::vm::scratch;
use crate::workspace::workspace;

/// How often the tests pull the plug.
const SHORT: usize = 4;
/// How often the command does.
const LONG: usize = 20;
/// The longest time from the guest's word that depmod runs to the kill.
const LATEST: Duration = Duration::from_millis(6000);
/// XFS makes no smaller file systems.
const SIZE: u64 = 320 << 20;

/// Disks and file systems, then modules for the databases: files of all sizes,
/// dependencies, aliases.
const MODULES: &[(&str, Option<Form>)] = &[
    ("virtio_blk", Some(Form::Plain)),
    ("ext4", Some(Form::Plain)),
    ("xfs", Some(Form::Plain)),
    ("crc32c_generic", Some(Form::Plain)),
    ("iptable_nat", Some(Form::Plain)),
    ("snd_hda_intel", Some(Form::Plain)),
    ("dummy", Some(Form::Plain)),
    ("veth", Some(Form::Plain)),
];

/// The test's part: few rounds.
pub fn part() -> Result<Tally, Stop> {
    rounds(SHORT, false)
}

/// The command: true if every database was whole.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    let (mut count, mut original) = (LONG, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => {
                let number = words.next().and_then(|n| n.parse().ok());
                count = number.ok_or(Stop::Failed("--rounds takes a number".into()))?;
            }
            "--original" => original = true,
            odd => return Err(Stop::Failed(format!("vm powercut knows no {odd}"))),
        }
    }
    let tally = rounds(count, original)?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// Boots once more than it kills: the last boot looks and leaves.
fn rounds(count: usize, original: bool) -> Result<Tally, Stop> {
    let debian = Debian13::fetch()?;
    let tools = match original {
        true => Tools::Original(debian.original.clone()),
        false => Tools::Komod(binary::release()?),
    };
    let dir = scratch()?;
    let initramfs = dir.join("initramfs");
    let mut guest = Guest::new(&debian)?;
    guest.tools(&tools)?;
    guest.modules(MODULES)?;
    let scripts = workspace().join("tests/vm");
    guest.copy(&scripts.join("powercut"), "init", 0o755)?;
    guest.copy(&scripts.join("names"), "scenarios/names", 0o644)?;
    if original {
        guest.write("original", 0o644, "");
    }
    guest.finish(&initramfs)?;
    let disks = [disk(&dir, MKFS_EXT4)?, disk(&dir, MKFS_XFS)?];
    let mut tally = Tally::default();
    let mut between = 0;
    for round in 0..=count {
        let log = dir.join("log");
        // One processor: with more, the emulator may lose a breakpoint.
        let append = if round == count { "maxcpus=1 powercut=last" } else { "maxcpus=1" };
        let machine = Machine {
            kernel: &debian.kernel_image,
            initramfs: &initramfs,
            append,
            log: &log,
            disks: &disks,
            hardware: Hardware::PLAIN,
        };
        let moment = LATEST.mul_f64(Dice::new(round as u64).below(1000) as f64 / 1000.0);
        let mut boot = Boot::default();
        let ended = machine.boot_until(|event| {
            let Event::Line(line) = event else { return ControlFlow::Continue(()) };
            boot.line(line);
            if line != "@@ running" {
                return ControlFlow::Continue(());
            }
            thread::sleep(moment);
            ControlFlow::Break(())
        })?;
        let wanted = if round == count { Ended::Off } else { Ended::Cut };
        if ended != wanted {
            boot.wrong.push(format!("the guest ended too early: {}", machine.last_messages()));
        }
        between += boot.leftovers;
        // The first boot has nothing to look at.
        tally.count(boot.wrong.is_empty() && (round == 0 || boot.whole == disks.len()));
        println!(
            "power cut {round} of {count}: {} databases whole, {} with something left, {} wrong",
            boot.whole,
            boot.leftovers,
            boot.wrong.len()
        );
        boot.wrong.iter().take(4).for_each(|line| println!("    {line}"));
    }
    println!("{between} databases were being written when the power failed");
    std::fs::remove_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    Ok(tally)
}

/// What a boot says of the databases that it finds.
#[derive(Default)]
struct Boot {
    whole: usize,
    leftovers: usize,
    wrong: Vec<String>,
}

impl Boot {
    fn line(&mut self, line: &str) {
        let (word, rest) =
            line.strip_prefix("@@ ").unwrap_or(line).split_once(' ').unwrap_or_default();
        match word {
            "whole" => self.whole += 1,
            "left" => self.leftovers += 1,
            "fail" => self.wrong.push(rest.to_owned()),
            _ => {}
        }
    }
}

/// A disk with an empty file system.
fn disk(dir: &Path, maker: install::Need) -> Result<PathBuf, Stop> {
    install::ensure(maker)?;
    let path = dir.join(maker.program);
    let file = File::create(&path).map_err(Stop::io(path.display()))?;
    file.set_len(SIZE).map_err(Stop::io(path.display()))?;
    let program = programs::find(maker.program).unwrap_or_default();
    programs::text(Command::new(program).arg("-q").arg(&path))?;
    Ok(path)
}
