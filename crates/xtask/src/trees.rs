//! depmod on whole kernels: all that komod writes and says is what the
//! original writes and says.

use std::fs;
use std::path::Path;

use crate::binary;
use crate::fetch::{Debian12, Debian13};
use crate::outcome::{Stop, Tally};
use crate::packed::Packed;
use crate::pair::{Pair, Run, Scratch, Seen};
use crate::random;

/// Both programs on Debian 13's modules packed in every way, with and without
/// checks of symbols, on Debian 12's, and on random small trees.
pub fn part() -> Result<Tally, Stop> {
    let trixie = Debian13::fetch()?;
    let bookworm = Debian12::fetch()?;
    let packed = Packed::of(&trixie)?;
    let scratch = Scratch::new("trees")?;
    let symvers = fs::read_to_string(trixie.headers()).map_err(Stop::io("Module.symvers"))?;
    let whole = scratch.file("whole.symvers", &symvers)?;
    let damaged = scratch.file("damaged.symvers", &damaged(&symvers))?;
    let map = scratch.file("System.map", &system_map(&symvers))?;
    let stub =
        "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
    let stub = scratch.file("stub.map", stub)?;
    let pair = Pair { ours: binary::release()?, original: &trixie.original, scratch };

    let mut tally = Tally::default();
    let config = Path::new("/dev/null");
    let mut compare = |about: &str, base: &Path, options: &[&str]| {
        let run = Run { base, release: &trixie.release, config, options };
        judge(about, &pair.ours(&run)?, &pair.theirs(&run)?, &mut tally);
        Ok::<(), Stop>(())
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
    gzip(&pair, &packed.gzip, &trixie, &mut tally)?;
    let run =
        Run { base: &bookworm.base, release: &bookworm.release, config, options: &["-v", "-w"] };
    judge("Debian 12", &pair.ours(&run)?, &pair.theirs(&run)?, &mut tally);
    tally.add(random::trees(&pair, random::COUNT)?);
    Ok(tally)
}

/// The original was built without gzip: its files for the same modules under
/// another suffix of that length are the measure.
fn gzip(pair: &Pair<'_>, base: &Path, xz: &Debian13, tally: &mut Tally) -> Result<(), Stop> {
    let config = Path::new("/dev/null");
    let run = Run { base, release: &xz.release, config, options: &[] };
    let mut ours = pair.ours(&run)?;
    for (_, contents) in &mut ours.files {
        *contents = replaced(contents, b".ko.gz", b".ko.xz");
    }
    judge("gzip", &ours, &pair.theirs(&Run { base: &xz.base, ..run })?, tally);
    Ok(())
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

/// Compares everything; prints what was compared, and each difference.
fn judge(about: &str, ours: &Seen, theirs: &Seen, tally: &mut Tally) {
    let mut checks = ours.compared(theirs);
    let dep = theirs.file("modules.dep").unwrap_or(&theirs.stdout);
    let modules = dep.split(|&b| b == b'\n').filter(|line| is_dep_line(line)).count();
    // Something was compared: an empty answer equals another too easily.
    checks.push((format!("only {modules} modules"), modules > 3000));
    for (_, same) in &checks {
        tally.count(*same);
    }
    println!(
        "{about}: {modules} modules, {} files, {} lines of output, {} of messages: {}",
        ours.files.len(),
        ours.stdout.iter().filter(|&&b| b == b'\n').count(),
        ours.stderr.len(),
        if checks.iter().all(|(_, same)| *same) { "the same" } else { "DIFFERENT" },
    );
    for (what, _) in checks.iter().filter(|(_, same)| !same) {
        println!("  differs: {what}");
    }
}

/// Whether a line is one of `modules.dep`: a path, a colon.
fn is_dep_line(line: &[u8]) -> bool {
    let path = line.split(|&b| b == b' ').next().unwrap_or_default();
    path.starts_with(b"kernel/") && path.ends_with(b":")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(dep: &str, stderr: &[&str]) -> Seen {
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
        judge("same", &seen(&dep, &[]), &seen(&dep, &[]), &mut tally);
        assert_eq!(tally, Tally { passed: 5, failed: 0 });
        let changed = dep.replacen("a.ko", "b.ko", 1);
        judge("file", &seen(&changed, &[]), &seen(&dep, &[]), &mut tally);
        judge("message", &seen(&dep, &["x"]), &seen(&dep, &[]), &mut tally);
        judge("nothing", &seen("", &[]), &seen("", &[]), &mut tally);
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
