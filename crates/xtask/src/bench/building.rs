//! depmod, measured: full runs on modules packed in every way, runs with a
//! cache, more modules than a kernel has, files that are not in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::bench::arena::{Call, EMPTY, Side};
use crate::bench::figures::{Figure, Unit};
use crate::bench::run::{Pairs, median};
use crate::bench::{Setting, trees};
use crate::callgrind::Callgrind;
use crate::fetch;
use crate::outcome::Stop;
use crate::programs;

/// A cache trusts nothing that changed when it was written, or just before.
const SETTLED: Duration = Duration::from_secs(2);

/// The original computes from its beginning to its end: when it lasts so many
/// times the time it computes, somebody else has had the processors.
const BUSY: f64 = 1.2;

/// Where the modules lie that a run with a cache works on.
const KEPT: &str = "kept";

/// The rows of one way to pack modules: `plain`, `zst`, `gz` or `xz`.
pub fn packed(setting: &Setting<'_>, kind: &'static str) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: depmod, {kind}");
    let (arena, id) = (&setting.arena, |row: &str| id(kind, row));
    let (ours, theirs) = (setting.lay("ours", kind)?, setting.lay("theirs", kind)?);
    let one = full(setting, &ours).threads(1);
    let two = full(setting, &ours).threads(2);
    let reads = kind != "gz";
    let cached =
        if reads && setting.has_cache()? { Some(Cached::new(setting, kind)?) } else { None };
    // Warm-up, and proof that both do the same work.
    arena.said(Side::Ours, &one)?;
    if reads {
        arena.said(Side::Theirs, &full(setting, &theirs))?;
        same_files(setting, &ours, &theirs)?;
    }
    let older = kind == "xz";
    if older {
        arena.bring_older(&fetch::older_liblzma()?)?;
        arena.said(Side::TheirsOlder, &full(setting, &theirs))?;
        same_files(setting, &ours, &theirs)?;
    }
    let [mut cpu, mut wall, mut older_cpu, mut older_wall] = [(); 4].map(|()| Pairs::default());
    let mut waited = Vec::new();
    let [mut again, mut added, mut keeping] = [(); 3].map(|()| Pairs::default());
    for round in 0..setting.rounds {
        let first =
            if reads { Some(arena.spent(Side::Theirs, &full(setting, &theirs), 1)?) } else { None };
        let single = arena.spent(Side::Ours, &one, 1)?;
        let double = arena.spent(Side::Ours, &two, 1)?;
        if older {
            let spent = arena.spent(Side::TheirsOlder, &full(setting, &theirs), 1)?;
            older_cpu.add(single.cpu, spent.cpu);
            older_wall.add(double.wall, spent.wall);
        }
        let theirs = first.unwrap_or(single);
        waited.push(theirs.wall / theirs.cpu);
        cpu.add(single.cpu, theirs.cpu);
        wall.add(double.wall, if reads { theirs.wall } else { double.wall });
        if let Some(cached) = &cached {
            if kind == "plain" {
                keeping.add(cached.writing(setting, &ours, round)? - single.cpu, theirs.cpu);
            }
            again.add(cached.again(setting)?, theirs.cpu);
            added.add(cached.added(setting, round)?, theirs.cpu);
        }
    }
    let mut figures = Vec::new();
    if !reads {
        let why = "does not read gzip";
        figures.push(Figure::without(id("cpu"), Unit::Seconds.show(cpu.ours()), why));
        figures.push(Figure::without(id("wall"), Unit::Seconds.show(wall.ours()), why));
        return Ok(figures);
    }
    figures.push(Figure::pairs(id("cpu"), Unit::Seconds, &cpu));
    let busy = median(waited) > BUSY;
    let walls = |row, pairs| {
        let figure = Figure::pairs(id(row), Unit::Seconds, pairs);
        if busy { figure.busy() } else { figure }
    };
    figures.push(walls("wall", &wall));
    if older {
        figures.push(Figure::pairs(id("cpu-older"), Unit::Seconds, &older_cpu));
        figures.push(walls("wall-older", &older_wall));
    }
    let peak = |side, call| Ok::<f64, Stop>(arena.traced(side, call)?.peak as f64);
    let (own, other) = (peak(Side::Ours, &two)?, peak(Side::Theirs, &full(setting, &theirs))?);
    figures.push(Figure::ratio(id("memory"), Unit::Bytes, own, other));
    if kind == "plain" {
        let count = instructions(setting, &ours)?;
        figures.push(setting.upstream(id("instructions"), count));
    }
    if cached.is_some() {
        for (row, pairs) in [("again", &again), ("added", &added), ("keeping", &keeping)] {
            // Not every kind has all three.
            if !id(row).is_empty() {
                figures.push(Figure::pairs(id(row), Unit::Seconds, pairs));
            }
        }
    }
    Ok(figures)
}

/// The id of a kind's row, as the bounds have it.
fn id(kind: &str, row: &str) -> &'static str {
    let wanted = format!("{kind}-{row}");
    let known = crate::bench::bounds::BOUNDS.iter().map(|bound| bound.id);
    known.into_iter().find(|id| *id == wanted).unwrap_or("")
}

/// A full run on a base directory.
fn full(setting: &Setting<'_>, base: &str) -> Call {
    Call::new("depmod", &["-b", base, &setting.release])
}

/// Callgrind's count of a full run with one thread.
fn instructions(setting: &Setting<'_>, base: &str) -> Result<f64, Stop> {
    let arena = &setting.arena;
    let callgrind = Callgrind::new(arena.outside("profile"))?;
    let words = callgrind.words();
    let mut command = std::process::Command::new(&words[0]);
    command.args(&words[1..]).arg(arena.tool("depmod"));
    command.env_clear().env("KOMOD_THREADS", "1");
    command.arg("-C").arg(arena.outside(EMPTY)).arg("-b").arg(arena.outside(base));
    programs::text(command.arg(&setting.release))?;
    Ok(callgrind.count()? as f64)
}

/// Fails unless both have written the same.
fn same_files(setting: &Setting<'_>, ours: &str, theirs: &str) -> Result<(), Stop> {
    let dir = |base: &str| setting.modules(base);
    let mut seen = 0;
    for entry in fs::read_dir(dir(theirs)).map_err(Stop::io(theirs))?.flatten() {
        let name = entry.file_name();
        if !entry.path().is_file() {
            continue;
        }
        let read = |path: PathBuf| fs::read(&path).map_err(Stop::io(path.display()));
        if read(dir(ours).join(&name))? != read(entry.path())? {
            return Err(Stop::Failed(format!("{theirs}: {} differs", name.to_string_lossy())));
        }
        seen += 1;
    }
    if seen < 11 {
        return Err(Stop::Failed(format!("{theirs}: only {seen} files")));
    }
    Ok(())
}

/// A tree that only runs with a cache work on.
struct Cached {
    base: String,
    cache: String,
    /// A module to add, unpacked as the others are.
    module: PathBuf,
}

impl Cached {
    fn new(setting: &Setting<'_>, kind: &'static str) -> Result<Self, Stop> {
        let base = setting.lay(KEPT, kind)?;
        let modules = trees::files(&setting.modules(&base).join("kernel"))?;
        let module = modules
            .iter()
            .find(|path| path.to_string_lossy().contains("/drivers/net/dummy.ko"))
            .or(modules.first())
            .cloned()
            .ok_or_else(|| Stop::Failed(format!("{base}: no modules")))?;
        let cache = format!("/cache/{kind}");
        let dir = setting.arena.outside(&cache);
        fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        sleep(SETTLED);
        let cached = Self { base, cache, module };
        for _ in 0..2 {
            setting.arena.said(Side::Ours, &cached.run(setting))?;
            sleep(SETTLED);
        }
        Ok(cached)
    }

    fn run(&self, setting: &Setting<'_>) -> Call {
        Call::new("depmod", &["-a", "--cache", &self.cache, "-b", &self.base, &setting.release])
    }

    /// The CPU of a run that finds nothing new.
    fn again(&self, setting: &Setting<'_>) -> Result<f64, Stop> {
        sleep(SETTLED);
        setting.arena.said(Side::Ours, &self.run(setting))?;
        let mut runs = Vec::new();
        for _ in 0..5 {
            runs.push(setting.arena.spent(Side::Ours, &self.run(setting), 1)?.cpu);
        }
        Ok(median(runs))
    }

    /// The CPU of a run that finds one more module.
    fn added(&self, setting: &Setting<'_>, round: usize) -> Result<f64, Stop> {
        let name = self.module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fresh = self.module.with_file_name(format!("added{round}_{name}"));
        fs::copy(&self.module, &fresh).map_err(Stop::io(fresh.display()))?;
        sleep(SETTLED);
        Ok(setting.arena.spent(Side::Ours, &self.run(setting), 1)?.cpu)
    }

    /// The CPU of a full run with one thread that writes a cache anew.
    fn writing(&self, setting: &Setting<'_>, base: &str, round: usize) -> Result<f64, Stop> {
        let cache = format!("{}-fresh{round}", self.cache);
        let dir = setting.arena.outside(&cache);
        fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        let words = ["--cache", &cache, "-b", base, &setting.release];
        let spent = setting.arena.spent(Side::Ours, &Call::new("depmod", &words).threads(1), 1)?;
        let bytes = trees::files(&dir)?.into_iter().flat_map(fs::metadata).map(|data| data.len());
        if bytes.sum::<u64>() < 100_000 {
            return Err(Stop::Failed(format!("{cache}: depmod has kept next to nothing")));
        }
        Ok(spent.cpu)
    }
}

/// The modules two and four times.
pub fn larger(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: depmod, two and four times the modules");
    let plain = setting.packed.plain.join("lib/modules").join(&setting.release);
    let copies = trees::copies(&plain, &setting.release)?;
    let sizes = [1, 2, trees::TIMES];
    let mut calls = Vec::new();
    for times in sizes {
        let side = |side: &str| {
            let base = format!("/{side}/times{times}");
            trees::multiply(&plain, &copies, times, &setting.modules(&base))?;
            Ok::<Call, Stop>(full(setting, &base).threads(1))
        };
        let both = (side("ours")?, side("theirs")?);
        setting.arena.said(Side::Ours, &both.0)?;
        setting.arena.said(Side::Theirs, &both.1)?;
        same_files(setting, &format!("/ours/times{times}"), &format!("/theirs/times{times}"))?;
        calls.push((times as f64, both));
    }
    let mut each = [const { (Vec::new(), Vec::new()) }; 3];
    for _ in 0..setting.rounds {
        for ((times, (ours, theirs)), (own, other)) in calls.iter().zip(&mut each) {
            own.push(setting.arena.spent(Side::Ours, ours, 1)?.cpu / times);
            other.push(setting.arena.spent(Side::Theirs, theirs, 1)?.cpu / times);
        }
    }
    let against = |runs: &[f64], base: &[f64]| {
        median(runs.iter().zip(base).map(|(run, base)| run / base).collect())
    };
    let [(one, one_of_theirs), rest @ ..] = &each;
    Ok(["larger-2", "larger-4"]
        .into_iter()
        .zip(rest)
        .map(|(id, (ours, theirs))| {
            let (ours, theirs) = (against(ours, one), against(theirs, one_of_theirs));
            let figure = Figure::ratio(id, Unit::Share, ours, theirs);
            Figure { value: Some(ours), ..figure }
        })
        .collect())
}

/// Full runs on modules that the kernel has to read from disk.
pub fn cold(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: depmod, files that are not in memory");
    let mut figures = Vec::new();
    for (kind, id) in [("plain", "cold-plain"), ("zst", "cold-zst")] {
        let (ours, theirs) = (setting.lay("ours", kind)?, setting.lay("theirs", kind)?);
        let modules = trees::files(&setting.modules(&ours).join("kernel"))?;
        let mut pairs = Pairs::default();
        for _ in 0..setting.rounds {
            forget(&modules)?;
            let own = setting.arena.spent(Side::Ours, &full(setting, &ours), 1)?.wall;
            forget(&modules)?;
            pairs.add(own, setting.arena.spent(Side::Theirs, &full(setting, &theirs), 1)?.wall);
        }
        figures.push(Figure::pairs(id, Unit::Seconds, &pairs));
    }
    Ok(figures)
}

/// Asks the kernel to drop what it holds of these files.
fn forget(files: &[impl AsRef<Path>]) -> Result<(), Stop> {
    for path in files {
        let path = path.as_ref();
        let file = fs::File::open(path).map_err(Stop::io(path.display()))?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)
            .map_err(|errno| Stop::Failed(format!("{}: {errno}", path.display())))?;
    }
    Ok(())
}
