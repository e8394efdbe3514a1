//! `cargo xtask bench [GROUP...]`: komod's time, memory and instructions beside
//! the original's. Never a test: a busy machine is no fault of komod.
//!
//! Both programs run in turn, in a root directory of their own, and must give
//! the same answer; medians count. A table and a chart are written. Rows that
//! miss what must hold are listed at the end; the exit status tells of them
//! with `--strict` only, since time is not the same twice.

mod arena;
mod asking;
mod bounds;
mod building;
mod chart;
mod consumers;
mod figures;
mod larger;
mod report;
mod run;
mod trace;
mod trees;

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;

use arena::{Arena, Call, Side};
use figures::{Figure, Unit, rows};
use report::Machine;

use crate::binary;
use crate::fetch::Debian13;
use crate::outcome::Stop;
use crate::packed::Packed;
use crate::workspace::workspace;

const HELP: &str = "\
usage: cargo xtask bench [GROUP...] [--rounds N] [--out DIR] [--readme] [--strict]
       cargo xtask bench consumers

  --rounds N    pairs of runs in turn (default 7)
  --out DIR     where bench.md and bench.svg are written (default target/bench)
  --readme      write the table into README.md and the chart beside the tests
  --strict      fail if a row misses what must hold

Without a GROUP all are measured:";

/// What everything is measured in.
pub struct Setting<'a> {
    /// The root directory of both programs.
    pub arena: Arena,
    /// Pairs of runs.
    pub rounds: usize,
    /// The kernel's release.
    pub release: String,
    /// Its modules, packed in every way.
    pub packed: &'a Packed,
    debian: &'a Debian13,
    cache: OnceCell<bool>,
}

impl Setting<'_> {
    /// The directory of modules below a base of the arena, called from outside.
    pub fn modules(&self, base: &str) -> PathBuf {
        self.arena.outside(base).join("lib/modules").join(&self.release)
    }

    /// A base directory `/SIDE/KIND` with the modules packed in that way; it is
    /// made if it is not there.
    pub fn lay(&self, side: &str, kind: &str) -> Result<String, Stop> {
        let base = format!("/{side}/{kind}");
        let to = self.modules(&base);
        if !to.is_dir() {
            let packed = |dir: &PathBuf| dir.join("lib/modules").join(&self.release);
            let from = match kind {
                "plain" => packed(&self.packed.plain),
                "zst" => packed(&self.packed.zstd),
                "gz" => packed(&self.packed.gzip),
                _ => self.debian.modules_dir.clone(),
            };
            trees::link(&from, &to)?;
        }
        Ok(base)
    }

    /// A base directory with Debian's modules as they are packaged, and a database.
    pub fn indexed(&self) -> Result<String, Stop> {
        let base = self.lay("ours", "xz")?;
        if !self.modules(&base).join("modules.dep.bin").exists() {
            self.arena.said(Side::Ours, &Call::new("depmod", &["-b", &base, &self.release]))?;
        }
        Ok(base)
    }

    /// Whether komod's depmod keeps what modules said.
    pub fn has_cache(&self) -> Result<bool, Stop> {
        if let Some(known) = self.cache.get() {
            return Ok(*known);
        }
        let help = self.arena.said(Side::Ours, &Call::new("depmod", &["--help"]))?;
        Ok(*self.cache.get_or_init(|| help.contains("--cache")))
    }

    /// A count of instructions beside upstream's, which belongs to one kernel.
    pub fn upstream(&self, id: &'static str, count: f64) -> Figure {
        let known = bounds::UPSTREAM.iter().find(|(row, _)| *row == id);
        match known.filter(|_| self.release == bounds::UPSTREAM_KERNEL) {
            Some((_, theirs)) => Figure::ratio(id, Unit::Instructions, count, *theirs),
            None => Figure::without(id, Unit::Instructions.show(count), "not known"),
        }
    }
}

/// The words of the command line.
#[derive(Debug, PartialEq)]
struct Wanted {
    groups: Vec<&'static str>,
    rounds: usize,
    out: Option<PathBuf>,
    readme: bool,
    strict: bool,
}

impl Wanted {
    fn of(words: &[String]) -> Result<Self, Stop> {
        let all = bounds::groups();
        let mut wanted =
            Self { groups: Vec::new(), rounds: 7, out: None, readme: false, strict: false };
        let failed = |why: String| Err(Stop::Failed(why));
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--readme" => wanted.readme = true,
                "--strict" => wanted.strict = true,
                "--rounds" => match words.next().and_then(|number| number.parse().ok()) {
                    Some(rounds) if rounds > 0 => wanted.rounds = rounds,
                    _ => return failed("--rounds needs a number above 0".into()),
                },
                "--out" => match words.next() {
                    Some(dir) => wanted.out = Some(dir.into()),
                    None => return failed("--out needs a directory".into()),
                },
                other => match all.iter().find(|group| **group == other) {
                    Some(group) => wanted.groups.push(group),
                    None => return failed(format!("no group {other}: {}", all.join(" "))),
                },
            }
        }
        if wanted.groups.is_empty() {
            wanted.groups = all;
        } else if wanted.readme {
            return failed("--readme wants the whole table: no GROUP".into());
        }
        Ok(wanted)
    }
}

/// Measures what is asked for; true unless `--strict` and a row does not hold.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    if words == ["consumers"] {
        return consumers::run();
    }
    if words.iter().any(|word| word == "--help") {
        println!("{HELP}\n  {}", bounds::groups().join(" "));
        return Ok(true);
    }
    let wanted = Wanted::of(words)?;
    let debian = Debian13::fetch()?;
    let packed = Packed::of(&debian)?;
    let program = binary::musl()?;
    let setting = Setting {
        arena: Arena::new(&program, &debian.original)?,
        rounds: wanted.rounds,
        release: debian.release.clone(),
        packed: &packed,
        debian: &debian,
        cache: OnceCell::new(),
    };
    let mut machine = Machine::here(&setting)?;
    let mut figures = Vec::new();
    for group in &wanted.groups {
        figures.extend(match *group {
            kind @ ("plain" | "zst" | "gz" | "xz") => building::packed(&setting, kind)?,
            "larger" => building::larger(&setting)?,
            "cold" => building::cold(&setting)?,
            "modprobe" => asking::modprobe(&setting)?,
            "modinfo" => asking::modinfo(&setting)?,
            "lsmod" => asking::lsmod(&setting)?,
            "start" => asking::start(&setting)?,
            _ => asking::size(&setting)?,
        });
    }
    machine.done();
    let rows = rows(&wanted.groups, figures);
    let table = report::markdown(&rows, &machine);
    let chart = chart::svg(&rows, &machine);
    let out = wanted.out.unwrap_or_else(|| binary::target_dir().join("bench"));
    fs::create_dir_all(&out).map_err(Stop::io(out.display()))?;
    let write = |path: PathBuf, text: &str| {
        fs::write(&path, text).map_err(Stop::io(path.display()))?;
        eprintln!("bench: {} is written", path.display());
        Ok::<(), Stop>(())
    };
    write(out.join("bench.md"), &table)?;
    write(out.join("bench.svg"), &chart)?;
    if wanted.readme {
        let readme = workspace().join("README.md");
        let text = fs::read_to_string(&readme).map_err(Stop::io("README.md"))?;
        write(readme, &report::placed(&text, &table)?)?;
        write(workspace().join(report::CHART), &chart)?;
    }
    println!("{table}\n{}", report::summary(&rows));
    Ok(!wanted.strict || rows.iter().all(|row| row.holds() != Some(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn words_choose_groups_and_nonsense_is_refused() {
        let all = Wanted::of(&[]).unwrap();
        assert_eq!((all.groups.len(), all.rounds), (bounds::groups().len(), 7));
        let some = Wanted::of(&words("plain size --rounds 3 --out x --strict")).unwrap();
        assert_eq!(some.groups, ["plain", "size"]);
        assert_eq!((some.rounds, some.out, some.strict), (3, Some("x".into()), true));
        for bad in ["nosuch", "--rounds", "--rounds 0", "--rounds x", "--out", "plain --readme"] {
            assert!(Wanted::of(&words(bad)).is_err(), "{bad}");
        }
    }
}
