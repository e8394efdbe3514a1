//! `cargo xtask bench consumers`: the calls of consumers that name thousands of
//! modules at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::run::{Null, median, timed};
use crate::binary;
use crate::fetch::Debian13;
use crate::outcome::Stop;
use crate::packages::cache;
use crate::packed::Packed;
use crate::programs;

/// Pairs of runs, in turn.
const PAIRS: usize = 7;
/// What mkosi asks of a whole kernel, twice over.
const NAMES: usize = 8_500;
/// What mkinitcpio asks on a machine with many devices.
const MODALIASES: usize = 1_000;
/// The most that komod may need of the original's time. Where packed modules are
/// unpacked it cannot be reached: most of the time is the codec's, and both programs have
/// the same. So it is for the calls that depmod's cache answers.
const GOAL: f64 = 0.5;

/// A call that both programs make.
struct Call {
    about: &'static str,
    tool: &'static str,
    words: Vec<String>,
    /// What komod alone is told.
    own: Vec<String>,
    /// Whether [`GOAL`] is for it.
    held: bool,
}

/// Measures; true if every goal is reached.
pub fn run() -> Result<bool, Stop> {
    let null = Null::open()?;
    let debian = Debian13::fetch()?;
    let packed = Packed::of(&debian)?;
    let program = binary::release()?;
    let scratch = tempfile::tempdir_in(cache()?).map_err(Stop::io("a scratch directory"))?;
    let release = debian.release.as_str();
    let plain = packed.plain.join("lib/modules").join(release);
    let ours = |tool: &str| {
        let mut command = Command::new(&program);
        command.arg0(tool);
        command
    };
    let plain = tree(&scratch.path().join("plain"), &plain, release, ours("depmod"))?;
    let xz = tree(&scratch.path().join("xz"), &debian.modules_dir, release, ours("depmod"))?;
    let zstd = packed.zstd.join("lib/modules").join(release);
    let zstd = tree(&scratch.path().join("zstd"), &zstd, release, ours("depmod"))?;
    let calls = [
        modinfo("modinfo, 8500 names, plain tree", &plain, release)?.unpacking(true),
        modinfo("modinfo, 8500 names, zstd tree", &zstd, release)?.unpacking(false),
        modinfo("the same, kept by depmod", &zstd, release)?.cached(&zstd),
        modinfo("modinfo, 8500 names, xz tree", &xz, release)?.unpacking(false),
        modinfo("the same, kept by depmod", &xz, release)?.cached(&xz),
        resolve("modprobe -qaR, 1000 modaliases", &xz, release)?,
    ];
    let mut well = true;
    println!(
        "{:<34}{:>10}{:>11}{:>8}  (user + sys, medians of {PAIRS})",
        "", "komod", "original", ""
    );
    for call in &calls {
        let own = || {
            let mut command = ours(call.tool);
            command.args(&call.own);
            prepared(command, call)
        };
        let other = || prepared(debian.original.command(call.tool), call);
        same_answer(own(), other(), call)?;
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            times.0.push(timed(&mut own(), &null, 1)?.0.cpu);
            times.1.push(timed(&mut other(), &null, 1)?.0.cpu);
        }
        let (own, other) = (median(times.0), median(times.1));
        let share = own / other;
        let milliseconds = |time: f64| format!("{:.1} ms", time * 1e3);
        let word = match (share <= GOAL, call.held) {
            (true, _) => "",
            (false, true) => "  above the goal",
            (false, false) => "  unpacked",
        };
        println!(
            "{:<34}{:>10}{:>11}{share:>8.2}{word}",
            call.about,
            milliseconds(own),
            milliseconds(other)
        );
        well &= share <= GOAL || !call.held;
    }
    Ok(well)
}

impl Call {
    /// No cache answers it.
    fn unpacking(mut self, held: bool) -> Self {
        self.held = held;
        self.own = vec!["--no-cache".into()];
        self
    }

    /// The cache of the tree `base` answers it.
    fn cached(mut self, base: &Path) -> Self {
        self.own = vec!["--cache".into(), base.join("cache").display().to_string()];
        self
    }
}

/// A directory for `-b` with the modules of `from` and a database, and what depmod keeps
/// of them.
fn tree(base: &Path, from: &Path, release: &str, mut depmod: Command) -> Result<PathBuf, Stop> {
    let dir = base.join("lib/modules").join(release);
    fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    symlink(from.join("kernel"), dir.join("kernel")).map_err(Stop::io(dir.display()))?;
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        fs::copy(from.join(list), dir.join(list)).map_err(Stop::io(list))?;
    }
    depmod.args(["-C", "/dev/null", "--cache"]).arg(base.join("cache"));
    programs::text(depmod.arg("-b").arg(base).arg(release))?;
    Ok(base.into())
}

/// Every module of a tree, again and again.
fn modinfo(about: &'static str, base: &Path, release: &str) -> Result<Call, Stop> {
    let dep = read(base, release, "modules.dep")?;
    let names: Vec<&str> = dep
        .lines()
        .filter_map(|line| line.split(':').next()?.rsplit('/').next()?.split('.').next())
        .collect();
    enough(names.len())?;
    let mut words: Vec<String> = ["-0", "-k", release, "-b"].map(str::to_owned).to_vec();
    words.push(base.display().to_string());
    words.extend(names.iter().cycle().take(NAMES).map(|name| (*name).to_owned()));
    Ok(Call { about, tool: "modinfo", words, own: Vec::new(), held: true })
}

/// Modaliases from all over the list, a third of which nobody answers to.
fn resolve(about: &'static str, base: &Path, release: &str) -> Result<Call, Stop> {
    let alias = read(base, release, "modules.alias")?;
    let patterns: Vec<&str> = alias
        .lines()
        .filter_map(|line| line.strip_prefix("alias ")?.split(' ').next())
        .filter(|pattern| pattern.contains(':') && !pattern.contains('['))
        .collect();
    enough(patterns.len())?;
    let mut words: Vec<String> =
        ["-qaR", "-C", "/dev/null", "-S", release, "-d"].map(str::to_owned).to_vec();
    words.push(base.display().to_string());
    for (number, pattern) in
        patterns.iter().step_by(patterns.len() / MODALIASES).take(MODALIASES).enumerate()
    {
        let modalias = pattern.replace('*', "00000000").replace('?', "0");
        words.push(if number % 3 == 0 { modalias.replacen(':', ":x", 1) } else { modalias });
    }
    Ok(Call { about, tool: "modprobe", words, own: Vec::new(), held: true })
}

fn read(base: &Path, release: &str, file: &str) -> Result<String, Stop> {
    let path = base.join("lib/modules").join(release).join(file);
    fs::read_to_string(&path).map_err(Stop::io(path.display()))
}

fn enough(count: usize) -> Result<(), Stop> {
    if count >= MODALIASES {
        return Ok(());
    }
    Err(Stop::Failed(format!("only {count} lines to choose from")))
}

fn prepared(mut command: Command, call: &Call) -> Command {
    command.args(&call.words).env_remove("MODPROBE_OPTIONS");
    command
}

/// Time counts for nothing where answers differ.
fn same_answer(mut ours: Command, mut theirs: Command, call: &Call) -> Result<(), Stop> {
    let (own, other) = (programs::output(&mut ours)?, programs::output(&mut theirs)?);
    if own.stdout == other.stdout && own.status.code() == other.status.code() {
        return Ok(());
    }
    Err(Stop::Failed(format!("{}: the answers differ", call.about)))
}
