//! The part `instructions`: no command costs more than it did.
//!
//! Time differs from run to run and from machine to machine; the number of
//! instructions does not, if everything that could move it is held still: the
//! program is the static one of the compiler that the kept values are of, the
//! modules are made by code, and the environment, the working directory, the
//! kernel's command line and its loaded modules are ours.

mod kernel;
mod values;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use komod_cases::willing;
use values::{Values, Verdict, change};

use crate::callgrind::Callgrind;
use crate::outcome::{Stop, Tally};
use crate::workspace::workspace;
use crate::{binary, loaded, place, programs};

/// Two runs of one command may differ by this share.
const NOISE: f64 = 0.001;

/// What changed so shortly before a run is not trusted by the next.
const SETTLED: Duration = Duration::from_secs(2);

/// The kept values.
const FILE: &str = "tests/instructions.txt";

/// A command whose instructions are counted.
struct Counted {
    name: String,
    tool: &'static str,
    words: Vec<String>,
    /// What it has to print for its count to mean anything.
    says: String,
    status: i32,
    before: Before,
}

/// What is done before a command is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The same command, until it finds nothing to do.
    Same,
    /// That, and then there is a module more.
    OneMore,
}

/// Counts each command twice, and holds it to its kept value.
pub fn part() -> Result<Tally, Stop> {
    let path = workspace().join(FILE);
    let kept = Values::read(&fs::read_to_string(&path).map_err(Stop::io(FILE))?)?;
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let compiler = binary::compiler()?;
    let program = match update || compiler == kept.compiler {
        true => binary::musl()?,
        false => binary::musl_by(&kept.compiler).map_err(|stop| other_compiler(&kept, &stop))?,
    };
    let world = World::new(&program)?;
    let mut tally = Tally::default();
    let mut counts = Vec::new();
    for counted in commands() {
        let count = || world.prepare(&counted).and_then(|()| world.count(&counted));
        let (first, second) = (count()?, count()?);
        let steady = change(first, second).abs() <= NOISE;
        tally.count(steady);
        if !steady {
            println!("FAIL {}: {first} instructions, then {second}", counted.name);
        }
        counts.push((counted.name, first));
    }
    let now = Values { compiler: kept.compiler.clone(), tree: world.tree, counts };
    if update {
        let now = Values { compiler, ..now };
        fs::write(&path, now.text()).map_err(Stop::io(FILE))?;
        println!("{FILE} is written");
        return Ok(tally);
    }
    compare(&kept, &now, &mut tally);
    Ok(tally)
}

/// The gate holds for one compiler: another's code has other counts.
fn other_compiler(kept: &Values, stop: &Stop) -> Stop {
    Stop::NotHere(format!(
        "the kept values are those of rustc {0}, which cannot be used here ({stop}): \
         rustup toolchain install {0}, or UPDATE=1 cargo xtask test instructions \
         on a commit known to be good",
        kept.compiler
    ))
}

/// Prints every command; counts each.
fn compare(kept: &Values, now: &Values, tally: &mut Tally) {
    tally.count(kept.tree == now.tree);
    if kept.tree != now.tree {
        println!("FAIL the modules are not those the values were counted on: UPDATE=1");
    }
    for (name, count) in &now.counts {
        let verdict = kept.judge(name, *count);
        tally.count(matches!(verdict, Verdict::Holds | Verdict::Better));
        let before = kept.of(name).unwrap_or(0);
        let word = match verdict {
            Verdict::Holds => "",
            Verdict::Better => "  better: please keep it with UPDATE=1",
            Verdict::Worse => "  FAIL: more than 2 % worse",
            Verdict::New => "  FAIL: no value is kept: UPDATE=1",
        };
        println!(
            "{name:<22}{count:>12}{before:>12}{:>+8.2} %{word}",
            100.0 * change(before, *count)
        );
    }
    for (name, _) in &kept.counts {
        if now.of(name).is_none() {
            println!("FAIL {name} is kept and no longer counted: UPDATE=1");
            tally.count(false);
        }
    }
}

fn commands() -> Vec<Counted> {
    let counted = |name: &str, tool: &'static str, words: &[&str], says: &str| Counted {
        name: name.into(),
        tool,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        says: says.into(),
        status: 0,
        before: Before::Nothing,
    };
    const R: &str = kernel::RELEASE;
    const W: &str = kernel::WANTED;
    let modprobe = ["-C", "none", "-d", ".", "-S", R];
    let asked = |words: &[&'static str]| [&modprobe[..], words].concat();
    let file = format!("lib/modules/{R}/kernel/drivers/group124/{W}.ko");
    let mut all = vec![
        counted("start", "modprobe", &["--version"], "kmod version"),
        counted("depmod", "depmod", &["-C", "none", "-b", ".", R], ""),
        counted("modprobe-n-v", "modprobe", &asked(&["-n", "-v", W]), W),
        counted("modprobe", "modprobe", &asked(&[W]), ""),
        counted("modprobe-c", "modprobe", &asked(&["-c"]), "alias usb:"),
        counted("modinfo-name", "modinfo", &["-b", ".", "-k", R, W], "Driver number 499"),
        counted("modinfo-file", "modinfo", &[&file], "Driver number 499"),
        counted("lsmod", "lsmod", &[], "snd_hda_0"),
    ];
    let again = ["-a", "--cache", "cache", "-C", "none", "-b", ".", R];
    for (name, before) in [("depmod-again", Before::Same), ("depmod-added", Before::OneMore)] {
        all.push(Counted { before, ..counted(name, "depmod", &again, "") });
    }
    all.extend(kernel::devices().into_iter().map(|device| {
        let name = format!("modprobe-R-{}", device.family);
        let words: Vec<&str> = [&modprobe[..], &["-q", "-R", &device.modalias]].concat();
        let status = i32::from(device.module.is_none());
        let says = device.module.unwrap_or_default();
        Counted { status, ..counted(&name, "modprobe", &words, &says) }
    }));
    all
}

/// A root with the program, the modules and what the kernel would tell.
struct World {
    dir: tempfile::TempDir,
    callgrind: Callgrind,
    tree: u64,
}

impl World {
    fn new(program: &Path) -> Result<Self, Stop> {
        let dir = tempfile::tempdir_in(komod_cases::scratch::directory())
            .map_err(Stop::io("a scratch directory"))?;
        let root = dir.path();
        let callgrind = Callgrind::new(root.join("profile"))?;
        loaded::write(root)?;
        kernel::write(root)?;
        let file = |name: &str| fs::write(root.join(name), "").map_err(Stop::io(name));
        file("proc/cmdline")?;
        for dir in ["none", ".proc", "cache"] {
            fs::create_dir(root.join(dir)).map_err(Stop::io(dir))?;
        }
        let tree = kernel::sum(root)?;
        let own = root.join("proc/self");
        symlink(root.join(".proc/self"), &own).map_err(Stop::io(own.display()))?;
        place::install(root, program)?;
        let mut depmod = Command::new(program);
        depmod.arg0("depmod").args(["-C", "none", "-b", ".", kernel::RELEASE]).current_dir(root);
        programs::text(&mut depmod)?;
        Ok(Self { dir, callgrind, tree })
    }

    /// Does what is to be done before a run is counted.
    fn prepare(&self, counted: &Counted) -> Result<(), Stop> {
        if counted.before == Before::Nothing {
            return Ok(());
        }
        let dir = self.dir.path().join("lib/modules").join(kernel::RELEASE).join("kernel");
        let more = dir.join("drivers/group0/one_more.ko");
        if more.exists() {
            fs::remove_file(&more).map_err(Stop::io(more.display()))?;
        }
        // Twice: the second run no longer finds anything that is too new.
        for _ in 0..2 {
            sleep(SETTLED);
            self.run(counted, &[])?;
        }
        if counted.before == Before::OneMore {
            let module = dir.join(format!("drivers/group124/{}.ko", kernel::WANTED));
            fs::copy(module, &more).map_err(Stop::io(more.display()))?;
            sleep(SETTLED);
        }
        Ok(())
    }

    /// The instructions of one run.
    fn count(&self, counted: &Counted) -> Result<u64, Stop> {
        self.run(counted, &self.callgrind.words())?;
        self.callgrind.count()
    }

    /// Runs a command behind these words; it has to give the right answer.
    fn run(&self, counted: &Counted, before: &[OsString]) -> Result<(), Stop> {
        // In a namespace that ends with the run ours take the place of the kernel's
        // own files; what valgrind asks of itself is answered by the kernel. The place
        // has one name: longer ones cost more to look at.
        const COVER: &str = "mount --rbind /proc .proc && mount --bind proc /proc && \
             mount --bind sys /sys && mount --rbind . /mnt && cd /mnt && exec \"$@\"";
        let mut command = Command::new(programs::find("unshare").unwrap_or("unshare".into()));
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", COVER, "sh"]);
        command.args(["/usr/bin/env", "-i", "KOMOD_THREADS=1"]).args(before);
        command.arg(tool(counted.tool)).args(&counted.words).current_dir(self.dir.path());
        willing::takes_every_module(&mut command);
        let output = programs::output(&mut command)?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.code() != Some(counted.status) || !said.contains(&counted.says) {
            let errors = String::from_utf8_lossy(&output.stderr);
            let end = errors.lines().last().unwrap_or_default();
            return Err(Stop::Failed(format!("{}: {}: {end}", counted.name, output.status)));
        }
        Ok(())
    }
}

/// Where the root has a tool, from the root.
fn tool(name: &str) -> PathBuf {
    let ending = format!("sbin/{name}");
    let found = place::LINKS.iter().map(|(path, _)| *path).find(|path| path.ends_with(&ending));
    PathBuf::from(found.unwrap_or(place::PROGRAM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_named_once_and_has_a_kept_value() {
        let mut names: Vec<String> = commands().into_iter().map(|counted| counted.name).collect();
        let text = fs::read_to_string(workspace().join(FILE)).unwrap();
        let kept = Values::read(&text).unwrap();
        for name in &names {
            assert!(kept.of(name).is_some(), "{name}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), commands().len());
        assert_eq!(kept.counts.len(), names.len());
    }

    #[test]
    fn a_worse_a_new_and_a_missing_command_fail_and_a_better_one_does_not() {
        let counts = |list: &[(&str, u64)]| list.iter().map(|(n, c)| ((*n).into(), *c)).collect();
        let values = |list| Values { compiler: "1".into(), tree: 5, counts: counts(list) };
        let kept = values(&[("a", 1000), ("b", 1000), ("gone", 1)]);
        let mut tally = Tally::default();
        compare(&kept, &values(&[("a", 900), ("b", 1030), ("new", 1)]), &mut tally);
        assert_eq!(tally, Tally { passed: 2, failed: 3 });
        let mut tally = Tally::default();
        compare(&kept, &Values { tree: 6, ..kept.clone() }, &mut tally);
        assert_eq!(tally, Tally { passed: 3, failed: 1 });
    }
}
