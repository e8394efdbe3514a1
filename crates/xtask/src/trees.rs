//! depmod on whole kernels: all that komod writes and says is what the
//! original writes and says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary;
use crate::fetch::{Debian12, Debian13, Original};
use crate::outcome::{Stop, Tally};
use crate::packages::cache;
use crate::packed::Packed;
use crate::programs;

/// A run of depmod on a whole tree.
struct Run<'a> {
    /// What it shows.
    about: &'static str,
    /// The directory for `-b`.
    base: &'a Path,
    release: &'a str,
    /// Further options.
    options: &'a [&'a str],
}

/// What came of a run.
struct Seen {
    status: Option<i32>,
    stdout: Vec<u8>,
    /// Sorted: what is reported in which order is nobody's business.
    stderr: Vec<Vec<u8>>,
    files: Vec<(String, Vec<u8>)>,
}

/// Both programs on Debian 13's modules packed in every way, with and without
/// checks of symbols, and on Debian 12's.
pub fn part() -> Result<Tally, Stop> {
    let trixie = Debian13::fetch()?;
    let bookworm = Debian12::fetch()?;
    let packed = Packed::of(&trixie)?;
    let scratch = Scratch::new()?;
    let programs = Programs { ours: binary::release()?, original: &trixie.original, scratch };
    let symvers = fs::read_to_string(trixie.headers()).map_err(Stop::io("Module.symvers"))?;
    let whole = programs.scratch.file("whole.symvers", &symvers)?;
    let damaged = programs.scratch.file("damaged.symvers", &damaged(&symvers))?;
    let map = programs.scratch.file("System.map", &system_map(&symvers))?;
    let stub =
        "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
    let stub = programs.scratch.file("stub.map", stub)?;

    let mut tally = Tally::default();
    let mut compare = |about, base: &Path, options: &[&str]| {
        programs.compare(&Run { about, base, release: &trixie.release, options }, &mut tally)
    };
    compare("Debian 13, xz as packaged", &trixie.base, &[])?;
    compare("plain, every edge and every duplicate told", &packed.plain, &["-v", "-w"])?;
    compare("zstd", &packed.zstd, &[])?;
    compare("mixed, suffixes wrong", &packed.mixed, &[])?;
    compare("mixed, without modules.order", &packed.unordered, &["-w"])?;
    compare("texts to standard output", &packed.plain, &["-n", "-v"])?;
    compare("Module.symvers", &packed.plain, &["-e", "-E", &whole])?;
    compare("damaged Module.symvers", &packed.plain, &["-e", "-E", &damaged])?;
    compare("System.map", &packed.plain, &["-e", "-F", &map])?;
    compare("System.map and a prefix", &packed.plain, &["-e", "-F", &map, "-P", "_"])?;
    compare("the stub of a System.map", &packed.plain, &["-e", "-F", &stub])?;
    let gzip = Run { about: "gzip", base: &packed.gzip, release: &trixie.release, options: &[] };
    programs.compare_gzip(&gzip, &trixie.base, &mut tally)?;
    let release = &bookworm.release;
    let old = Run { about: "Debian 12", base: &bookworm.base, release, options: &["-v", "-w"] };
    programs.compare(&old, &mut tally)?;
    Ok(tally)
}

/// Symbols left out, and others with another version.
fn damaged(symvers: &str) -> String {
    let mut text = String::new();
    for (number, line) in symvers.lines().enumerate().filter(|(number, _)| number % 11 != 0) {
        let line = if number % 7 == 0 { line.replacen("0x", "0x1", 1) } else { line.to_owned() };
        text += &line;
        text.push('\n');
    }
    text
}

/// What the linker would have written for the kernel's own exports.
fn system_map(symvers: &str) -> String {
    let mut text = String::new();
    for line in symvers.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [_, name, "vmlinux", ..] = fields.as_slice() {
            text += &format!("ffffffff81000000 T {name}\nffffffff82000000 r __ksymtab_{name}\n");
            text += &format!("00000000deadbeef A __crc_{name}\n");
        }
    }
    text
}

struct Programs<'a> {
    ours: PathBuf,
    original: &'a Original,
    scratch: Scratch,
}

impl Programs<'_> {
    fn compare(&self, run: &Run<'_>, tally: &mut Tally) -> Result<(), Stop> {
        let theirs = self.run(self.original.command("depmod"), run)?;
        let ours = self.run(self.our_command(), run)?;
        judge(run.about, &ours, &theirs, tally);
        Ok(())
    }

    /// The original was built without gzip: its files for the same modules
    /// under another suffix of that length are the measure.
    fn compare_gzip(&self, run: &Run<'_>, xz: &Path, tally: &mut Tally) -> Result<(), Stop> {
        let theirs = self.run(self.original.command("depmod"), &Run { base: xz, ..*run })?;
        let mut ours = self.run(self.our_command(), run)?;
        for (_, contents) in &mut ours.files {
            *contents = replaced(contents, b".ko.gz", b".ko.xz");
        }
        judge(run.about, &ours, &theirs, tally);
        Ok(())
    }

    fn our_command(&self) -> Command {
        let mut command = Command::new(&self.ours);
        std::os::unix::process::CommandExt::arg0(&mut command, "depmod");
        command
    }

    fn run(&self, mut command: Command, run: &Run<'_>) -> Result<Seen, Stop> {
        let out = self.scratch.dir.join("out");
        if out.exists() {
            fs::remove_dir_all(&out).map_err(Stop::io(out.display()))?;
        }
        // The machine's own depmod.d is nobody's business here.
        command.args(["-C", "/dev/null", "-b"]).arg(run.base).arg("-o").arg(&out);
        command.args(run.options).arg(run.release);
        let output = programs::output(&mut command)?;
        let mut stderr: Vec<Vec<u8>> =
            output.stderr.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
        stderr.sort();
        let dir = out.join("lib/modules").join(run.release);
        let mut files = Vec::new();
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let contents = fs::read(entry.path()).map_err(Stop::io(dir.display()))?;
            files.push((entry.file_name().to_string_lossy().into_owned(), contents));
        }
        files.sort();
        Ok(Seen { status: output.status.code(), stdout: output.stdout, stderr, files })
    }
}

/// Compares everything; prints what was compared, and each difference.
fn judge(about: &str, ours: &Seen, theirs: &Seen, tally: &mut Tally) {
    let mut differences = Vec::new();
    let mut check = |what: String, same: bool| {
        tally.count(same);
        if !same {
            differences.push(what);
        }
    };
    check(
        format!("status {:?}, not {:?}", ours.status, theirs.status),
        ours.status == theirs.status,
    );
    check("standard output".into(), ours.stdout == theirs.stdout);
    check("standard error".into(), ours.stderr == theirs.stderr);
    let names: BTreeSet<&str> =
        ours.files.iter().chain(&theirs.files).map(|(name, _)| name.as_str()).collect();
    for name in &names {
        let (own, other) = (ours.file(name), theirs.file(name));
        check((*name).to_owned(), own.is_some() && own == other);
    }
    let writes = theirs.file("modules.dep").map_or(&theirs.stdout, |dep| dep);
    let modules = writes.split(|&b| b == b'\n').filter(|l| is_dep_line(l)).count();
    // Something was compared: an empty answer equals another too easily.
    check(format!("only {modules} modules"), modules > 3000);
    println!(
        "{about}: {modules} modules, {} files, {} lines of output, {} of messages: {}",
        names.len(),
        lines(&ours.stdout),
        ours.stderr.len() - 1,
        if differences.is_empty() { "the same" } else { "DIFFERENT" },
    );
    for what in differences {
        println!("  differs: {what}");
    }
}

impl Seen {
    fn file(&self, name: &str) -> Option<&Vec<u8>> {
        self.files.iter().find(|(own, _)| own == name).map(|(_, contents)| contents)
    }
}

/// Whether a line is one of `modules.dep`: a path, a colon.
fn is_dep_line(line: &[u8]) -> bool {
    let path = line.split(|&b| b == b' ').next().unwrap_or_default();
    path.starts_with(b"kernel/") && path.ends_with(b":")
}

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|&&b| b == b'\n').count()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// A directory in the cache that is gone afterwards.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self, Stop> {
        let dir = cache()?.join(format!("trees-{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
        Ok(Self { dir })
    }

    fn file(&self, name: &str, text: &str) -> Result<String, Stop> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(Stop::io(path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(dep: &str, stderr: &[&str]) -> Seen {
        Seen {
            status: Some(0),
            stdout: Vec::new(),
            stderr: stderr.iter().map(|line| line.as_bytes().to_vec()).collect(),
            files: vec![("modules.dep".into(), dep.as_bytes().to_vec())],
        }
    }

    #[test]
    fn one_changed_byte_or_message_is_seen() {
        let dep = "kernel/a.ko:\n".repeat(4000);
        let mut tally = Tally::default();
        judge("same", &result(&dep, &[""]), &result(&dep, &[""]), &mut tally);
        assert_eq!(tally, Tally { passed: 5, failed: 0 });
        let changed = dep.replacen("a.ko", "b.ko", 1);
        judge("file", &result(&changed, &[""]), &result(&dep, &[""]), &mut tally);
        judge("message", &result(&dep, &["", "x"]), &result(&dep, &[""]), &mut tally);
        judge("nothing", &result("", &[""]), &result("", &[""]), &mut tally);
        assert_eq!(tally.failed, 3);
    }

    #[test]
    fn a_suffix_is_replaced_wherever_it_stands() {
        assert_eq!(
            replaced(b"\0a.ko.gz: b.ko.gz\0", b".ko.gz", b".ko.xz"),
            b"\0a.ko.xz: b.ko.xz\0"
        );
    }

    #[test]
    fn a_damaged_list_lacks_symbols_and_has_other_versions() {
        let whole: String = (0..30).map(|n| format!("0x{n:08x}\ts{n}\tvmlinux\tX\t\n")).collect();
        let damaged = damaged(&whole);
        assert!(
            !damaged.contains("\ts11\t") && damaged.contains("0x10000000e\ts14\t"),
            "{damaged}"
        );
        assert!(system_map(&whole).contains("\nffffffff82000000 r __ksymtab_s3\n"));
    }
}
