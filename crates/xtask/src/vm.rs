//! `cargo xtask vm [--original] [SCENARIO...]`: the tools under a real kernel.
//!
//! A scenario is a shell script in `tests/vm`; `tests/vm/run` says in which
//! words it is written. Comment lines at its head say more:
//! `# boot: WORDS` puts words on the kernel's command line (scenarios with
//! the same words share a boot), `# differs: WHY` names a decided difference:
//! there the original has to fail; `# with: original` puts the original beside
//! the tools as `/original/modprobe`, `# with: dmsetup` puts dmsetup in, `# with: quota`
//! the program `tests/vm/quota.c`, `# with: causes` the modules of `tests/vm/causes` as
//! `/causes`. How many causes of failures were told apart by hints is counted over all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use komod_fixtures::Packing;

use crate::binary;
use crate::boot;
use crate::causes;
use crate::fetch::Debian13;
use crate::guest::{Form, Guest, Tools};
use crate::leftovers;
use crate::libkmod::ask::{Ask, Header};
use crate::libkmod::{Library, SONAME};
use crate::outcome::{Stop, Tally};
use crate::powercut;
use crate::qemu::{Event, Hardware, Machine};
use crate::workspace::workspace;

/// The modules the scenarios use, and how they are stored there.
pub const MODULES: &[(&str, Option<Form>)] = &[
    // libcrc32c finds its algorithm by a softdep on an alias of these two.
    ("crc32c_generic", None),
    ("crc32c_intel", None),
    ("iptable_nat", None),
    ("iptable_filter", None),
    ("ext4", None),
    ("quota_v2", None),
    ("squashfs", None),
    ("overlay", None),
    ("binfmt_misc", None),
    ("null_blk", None),
    ("brd", None),
    ("dm_flakey", None),
    ("loop", None),
    ("dummy", None),
    ("nlmon", Some(Form::Zstd)),
    ("ifb", Some(Form::Gzip)),
    ("team", Some(Form::Packed(Packing::XzCrc64))),
    ("macvlan", Some(Form::Packed(Packing::XzWide))),
    ("tap", Some(Form::Packed(Packing::XzTwoStreams))),
    ("veth", Some(Form::Plain)),
];

/// How a scenario asks the library, for which the program `ask` is there.
const ASKS: &str = "t ask new";

/// How often one batch of scenarios is booted when the emulator fails it.
const BOOTS: usize = 3;

/// One script of `tests/vm`.
struct Scenario {
    name: String,
    text: String,
    boot: String,
    differs: Option<String>,
    with: Option<String>,
}

/// `cargo xtask vm`: true if all scenarios passed.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    if let Some((_, rest)) = words.split_first().filter(|(w, _)| *w == "powercut") {
        return powercut::run(rest);
    }
    if let Some((_, rest)) = words.split_first().filter(|(w, _)| *w == "debian13") {
        return boot::run(rest);
    }
    let original = words.iter().any(|w| w == "--original");
    let names: Vec<&str> =
        words.iter().map(String::as_str).filter(|w| !w.starts_with("--")).collect();
    if let Some(odd) = words.iter().find(|w| w.starts_with("--") && *w != "--original") {
        return Err(Stop::Failed(format!("vm knows no option {odd}")));
    }
    let tally = scenarios(original, &names)?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// All scenarios with the tools of this workspace.
pub fn ours() -> Result<Tally, Stop> {
    scenarios(false, &[])
}

/// All scenarios with the original tools.
pub fn original() -> Result<Tally, Stop> {
    scenarios(true, &[])
}

/// Runs the scenarios of these names, or all; each counts as one check.
fn scenarios(original: bool, names: &[&str]) -> Result<Tally, Stop> {
    let mut all = read(&workspace().join("tests/vm"))?;
    if let Some(odd) = names.iter().find(|n| !all.iter().any(|s| s.name == **n)) {
        return Err(Stop::Failed(format!("no scenario {odd:?}")));
    }
    all.retain(|s| names.is_empty() || names.contains(&s.name.as_str()));
    let debian = Debian13::fetch()?;
    let tools = match original {
        true => Tools::Original(debian.original.clone()),
        false => Tools::Komod(binary::release()?),
    };
    let mut boots: Vec<&str> = all.iter().map(|s| s.boot.as_str()).collect();
    boots.sort_unstable();
    boots.dedup();
    let mut tally = Tally::default();
    let mut causes = Vec::new();
    for boot in boots {
        let mut batch: Vec<&Scenario> = all.iter().filter(|s| s.boot == boot).collect();
        for left in (0..BOOTS).rev() {
            let report = one_boot(&debian, &tools, boot, &batch)?;
            tally.add(report.tally);
            causes.extend(report.causes);
            batch.retain(|s| !report.ended.contains(&s.name));
            if batch.is_empty() || !report.lost_breakpoint || left == 0 {
                break;
            }
            println!("vm: the emulator lost a breakpoint, not the tools: the rest again");
        }
        for missing in batch {
            println!("vm: {}: FAILED: not run to its end", missing.name);
            tally.count(false);
        }
    }
    if !causes.is_empty() {
        let told: BTreeSet<&str> =
            causes.iter().filter(|(_, told)| *told).map(|(id, _)| id.as_str()).collect();
        let all: BTreeSet<&str> = causes.iter().map(|(id, _)| id.as_str()).collect();
        println!("vm: {} of {} causes told apart", told.len(), all.len());
    }
    Ok(tally)
}

/// Boots once and runs a batch of scenarios; those that did not end are not
/// among the report's.
fn one_boot(
    debian: &Debian13,
    tools: &Tools,
    words: &str,
    batch: &[&Scenario],
) -> Result<Report, Stop> {
    let dir = scratch()?;
    let root = workspace().join("tests/vm");
    let mut guest = Guest::new(debian)?;
    guest.tools(tools)?;
    guest.modules(MODULES)?;
    guest.samples("dummy")?;
    if batch.iter().any(|s| s.text.contains(ASKS)) {
        let library = match tools {
            Tools::Original(original) => original.libraries().join(SONAME),
            Tools::Komod(_) => Library::release()?.file(),
        };
        guest.program(&Ask::build(Header::Ours)?.file, &library)?;
    }
    guest.copy(&root.join("init"), "init", 0o755)?;
    for words in ["names", "run", "scales"] {
        guest.copy(&root.join(words), &format!("scenarios/{words}"), 0o644)?;
    }
    if batch.iter().any(|s| s.with.as_deref() == Some("original")) {
        guest.original_beside()?;
    }
    if batch.iter().any(|s| s.with.as_deref() == Some("dmsetup")) {
        guest.dmsetup()?;
    }
    if batch.iter().any(|s| s.with.as_deref() == Some("quota")) {
        guest.quota()?;
    }
    if batch.iter().any(|s| s.with.as_deref() == Some("causes")) {
        let modules = causes::fetch(&debian.release)?;
        for file in std::fs::read_dir(&modules).map_err(Stop::io(modules.display()))?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            guest.copy(&file.path(), &format!("causes/{name}"), 0o644)?;
        }
    }
    if matches!(tools, Tools::Original(_)) {
        guest.write("scenarios/original", 0o644, "");
    }
    for scenario in batch {
        guest.write(&format!("scenarios/{}.sh", scenario.name), 0o644, &scenario.text);
    }
    let initramfs = dir.join("initramfs");
    guest.finish(&initramfs)?;
    let log = dir.join("log");
    let machine = Machine {
        kernel: &debian.kernel_image,
        initramfs: &initramfs,
        append: words,
        log: &log,
        disks: &[],
        hardware: Hardware::PLAIN,
    };
    let with = if words.is_empty() { String::new() } else { format!(" with {words}") };
    println!("vm: booting Linux {}{with}", debian.release);
    let mut report = Report::default();
    if matches!(tools, Tools::Original(_)) {
        let differing = batch.iter().filter_map(|s| Some((s.name.clone(), s.differs.clone()?)));
        report.differs = differing.collect();
    }
    let ended = machine.boot(|event| {
        if let Event::Line(line) = event {
            report.line(line);
        }
    });
    if let Err(stop @ Stop::NotHere(_)) = ended {
        return Err(stop);
    }
    if let Err(Stop::Failed(why)) = &ended {
        println!("vm: {why}");
    } else if !report.complete {
        println!("vm: the guest stopped early; its kernel's last messages:");
        println!("{}", machine.last_messages());
    }
    report.lost_breakpoint = !report.complete && machine.lost_breakpoint();
    std::fs::remove_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    Ok(report)
}

/// What the guest has said so far.
#[derive(Default)]
struct Report {
    tally: Tally,
    ended: Vec<String>,
    complete: bool,
    /// The guest died of its emulator ([`Machine::lost_breakpoint`]).
    lost_breakpoint: bool,
    /// Whether a scenario runs: between them the guest has nothing to say.
    running: bool,
    checks: usize,
    /// What the scenario that runs now has said beside its passed checks.
    said: Vec<String>,
    failed: bool,
    /// Causes of failures that were provoked, and whether the hint was right.
    causes: Vec<(String, bool)>,
    /// The scenarios that must fail with these tools, each with its reason.
    differs: Vec<(String, String)>,
}

impl Report {
    fn line(&mut self, line: &str) {
        let Some(mark) = line.strip_prefix("@@ ") else {
            if !self.running {
                println!("vm: the guest says: {line}");
            }
            self.said.push(line.to_owned());
            return;
        };
        let (word, rest) = mark.split_once(' ').unwrap_or((mark, ""));
        match word {
            "begin" => {
                (self.running, self.checks, self.failed) = (true, 0, false);
                self.said.clear();
            }
            "pass" => self.checks += 1,
            "fail" => {
                self.checks += 1;
                self.failed = true;
                self.said.push(format!("  not so: {rest}"));
            }
            "cause" => match rest.strip_prefix("missed ") {
                Some(id) => self.causes.push((id.to_owned(), false)),
                None => self.causes.push((rest.to_owned(), true)),
            },
            "note" => println!("vm:     {rest}"),
            "end" => self.end(rest),
            "done" => self.complete = true,
            _ => {}
        }
    }

    /// A scenario without a single check has proved nothing: it fails.
    fn end(&mut self, name: &str) {
        let mut passed = !self.failed && self.checks > 0;
        if let Some((_, why)) = self.differs.iter().find(|(n, _)| n == name) {
            println!(
                "vm: {name}: the original {}: {why}",
                if passed { "agrees" } else { "differs" }
            );
            passed = !passed;
            self.said = vec!["  no difference from the original is left".into()];
        }
        let word = if passed { "passed" } else { "FAILED" };
        println!("vm: {name}: {word} ({} checks)", self.checks);
        if !passed {
            self.said.iter().for_each(|line| println!("    {line}"));
        }
        self.tally.count(passed);
        self.running = false;
        self.ended.push(name.to_owned());
    }
}

/// A directory of this process alone; the caller removes it. Those of killed runs go.
pub fn scratch() -> Result<PathBuf, Stop> {
    let temporary = std::env::temp_dir();
    leftovers::remove(&temporary, "komod-vm");
    let dir = temporary.join(format!("komod-vm-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    Ok(dir)
}

/// The scenarios of a directory, by name.
fn read(dir: &Path) -> Result<Vec<Scenario>, Stop> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Stop::io(dir.display()))? {
        let path = entry.map_err(Stop::io(dir.display()))?.path();
        if path.extension().is_none_or(|e| e != "sh") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(Stop::io(path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let head = |key: &str| {
            let lines = text.lines().take_while(|l| l.starts_with('#'));
            lines.filter_map(|l| l.strip_prefix(key)).map(|v| v.trim().to_owned()).next()
        };
        let (boot, differs) = (head("# boot:").unwrap_or_default(), head("# differs:"));
        let with = head("# with:");
        let known = ["original", "dmsetup", "quota", "causes"];
        if let Some(odd) = with.as_deref().filter(|w| !known.contains(w)) {
            return Err(Stop::Failed(format!("{name}: nothing is called {odd}")));
        }
        all.push(Scenario { name, text, boot, differs, with });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Tally {
        let mut report = Report::default();
        lines.iter().for_each(|l| report.line(l));
        report.tally
    }

    #[test]
    fn a_scenario_passes_only_with_checks_that_all_hold() {
        assert_eq!(told(&["@@ begin a", "@@ pass x", "@@ end a"]), Tally { passed: 1, failed: 0 });
        assert_eq!(told(&["@@ begin a", "@@ end a"]), Tally { passed: 0, failed: 1 });
        let mixed = ["@@ begin a", "@@ pass x", "@@ fail y", "@@ pass z", "@@ end a"];
        assert_eq!(told(&mixed), Tally { passed: 0, failed: 1 });
        assert_eq!(told(&["@@ begin a", "@@ pass x"]), Tally::default());
        let mut differing = Report { differs: vec![("a".into(), "x".into())], ..Report::default() };
        ["@@ begin a", "@@ pass x", "@@ end a"].iter().for_each(|l| differing.line(l));
        assert_eq!(differing.tally, Tally { passed: 0, failed: 1 });
    }
}
