//! modprobe and modinfo on Debian's real tree: what komod prints and returns is
//! what the original prints and returns.
//!
//! Modules, aliases and built-in names are drawn by counting, the wildcards of
//! aliases filled in, so that every run asks the same. Many operands go into one
//! call; a call that differs is halved until its operand is found.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::binary;
use crate::fetch::{Debian13, Original};
use crate::outcome::{Stop, Tally};
use crate::packed::Packed;
use crate::{cargo_test, hostile, programs, workspace};

/// Fields for `modinfo -F`: what modules carry, what modinfo adds, and nothing.
const FIELDS: [&str; 24] = [
    "filename",
    "name",
    "author",
    "description",
    "license",
    "version",
    "alias",
    "depends",
    "softdep",
    "weakdep",
    "firmware",
    "parm",
    "parmtype",
    "vermagic",
    "intree",
    "retpoline",
    "srcversion",
    "import_ns",
    "sig_id",
    "signer",
    "sig_key",
    "sig_hashalgo",
    "signature",
    "nosuch",
];

/// A configuration with every directive. `A` to `E` become names of modules, `I`
/// of a built-in one. No module has both an install line and a softdep, and no
/// softdep names a section twice: there komod differs on purpose.
const CONFIGURATION: &str = "\
# every directive
alias net-komod A
alias komod-* B
alias komod-[a-m]? C
blacklist D
blacklist no-such-module
options A one=1 two=\"a b\"
options B \\\n  x=1
options A three
options komod-x from_alias=1
options I of_a_builtin=1
install E /bin/echo install $CMDLINE_OPTS
install komod_virtual /bin/echo virtual
remove E /bin/echo remove
softdep B pre: C post: D
softdep dm?raid pre: A
weakdep A B C
include /nowhere
nonsense A
options A
alias [broken A
   # no comment
install
";

/// The part of the tests.
pub fn part() -> Result<Tally, Stop> {
    let debian = Debian13::fetch()?;
    let packed = Packed::of(&debian)?;
    let ours = binary::release()?;
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let xz = indexed(&debian, &debian.base, &scratch.path().join("xz"))?;
    let plain = indexed(&debian, &packed.plain, &scratch.path().join("plain"))?;
    let draw = Draw::of(&xz.join("lib/modules").join(&debian.release))?;
    let nothing = scratch.path().join("nothing");
    let directives = scratch.path().join("directives");
    write(&nothing.join("x.conf"), b"")?;
    write(&directives.join("all.conf"), draw.configuration().as_bytes())?;

    let programs = Programs {
        ours,
        original: &debian.original,
        release: &debian.release,
        lines: AtomicUsize::new(0),
    };
    let mut calls = Vec::new();
    for (configuration, about) in [(&nothing, "no configuration"), (&directives, "every directive")]
    {
        calls.extend(programs.modprobe(about, configuration, &xz, &draw));
    }
    calls.extend(programs.modinfo("xz", &xz, &draw, &[&[]]));
    let mut modes: Vec<Vec<&str>> = vec![vec![], vec!["-0"], vec!["-p"], vec!["-n"], vec!["-m"]];
    modes.extend(FIELDS.iter().map(|field| vec!["-F", *field]));
    modes.push(vec!["-0", "-F", "alias"]);
    let modes: Vec<&[&str]> = modes.iter().map(Vec::as_slice).collect();
    calls.extend(programs.modinfo("plain", &plain, &draw, &modes));
    let count = calls.len();
    let mut tally = programs.judge(calls)?;
    let lines = programs.lines.into_inner();
    println!(
        "{} modules, {} aliases, {} built-in names; {count} calls of each program, {lines} lines",
        draw.modules.len(),
        draw.aliases.len(),
        draw.builtins.len(),
    );
    // Something was compared: an empty answer equals another too easily.
    tally.count(lines > 200_000);
    let below = Path::new("lib/modules").join(&debian.release);
    tally.add(both_forms(&packed.plain.join(&below), &plain.join(&below))?);
    Ok(tally)
}

/// What `--json` prints of all modules and of their indexes, against the text: `tests/json.rs`
/// on more than its own modules.
fn both_forms(modules: &Path, tree: &Path) -> Result<Tally, Stop> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo
        .args(["test", "--package", "komod", "--test", "json"])
        .current_dir(workspace::workspace());
    cargo_test::counted_run(cargo.env("KOMOD_MODULES", modules).env("KOMOD_TREE", tree))
}

/// What the programs are asked about.
pub(crate) struct Draw {
    /// Names of modules.
    pub(crate) modules: Vec<OsString>,
    /// Their paths, relative to the module directory.
    pub(crate) paths: Vec<String>,
    /// Aliases without wildcards.
    pub(crate) aliases: Vec<OsString>,
    /// Names of built-in modules.
    pub(crate) builtins: Vec<OsString>,
}

/// So many aliases of the modules in a directory, a line each, the wildcards filled in.
pub(crate) fn modaliases(modules: &Path, count: usize) -> Result<String, Stop> {
    let path = modules.join("modules.alias");
    let text = fs::read_to_string(&path).map_err(Stop::io(path.display()))?;
    let patterns = text.lines().filter_map(|line| line.strip_prefix("alias ")?.split(' ').next());
    let patterns: Vec<&str> = patterns.collect();
    let drawn = patterns.iter().step_by((patterns.len() / count).max(1)).take(count);
    Ok(drawn.enumerate().map(|(at, pattern)| filled(pattern, at) + "\n").collect())
}

impl Draw {
    pub(crate) fn of(modules: &Path) -> Result<Self, Stop> {
        let read = |name: &str| {
            let path = modules.join(name);
            fs::read_to_string(&path).map_err(Stop::io(path.display()))
        };
        let dep = read("modules.dep")?;
        let paths: Vec<String> =
            dep.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect();
        let paths: Vec<String> = paths.into_iter().step_by(13).collect();
        let alias = read("modules.alias")?;
        let patterns: Vec<&str> = alias
            .lines()
            .filter_map(|line| line.strip_prefix("alias ")?.split(' ').next())
            .collect();
        let step = patterns.len() / 330;
        let aliases = patterns.iter().step_by(step.max(1)).enumerate();
        let builtin = read("modules.builtin")?;
        let builtins = builtin.lines().step_by(9);
        let draw = Self {
            modules: paths.iter().map(|path| name(path).into()).collect(),
            aliases: aliases.map(|(at, pattern)| filled(pattern, at).into()).collect(),
            builtins: builtins.map(|path| name(path).into()).collect(),
            paths,
        };
        let (modules, aliases) = (draw.modules.len(), draw.aliases.len());
        if modules < 300 || aliases < 300 || draw.builtins.is_empty() {
            return Err(Stop::Failed(format!(
                "only {modules} modules and {aliases} aliases drawn"
            )));
        }
        Ok(draw)
    }

    /// The configuration, its letters made names.
    pub(crate) fn configuration(&self) -> String {
        let module = |at: usize| self.modules.get(at * 7).map(|m| m.to_string_lossy());
        let word = |word: &str| match word {
            "A" => module(1),
            "B" => module(2),
            "C" => module(3),
            "D" => module(4),
            "E" => module(5),
            "I" => self.builtins.first().map(|b| b.to_string_lossy()),
            _ => None,
        };
        let lines = CONFIGURATION.lines().map(|line| {
            let words: Vec<String> = line
                .split(' ')
                .map(|own| word(own).map_or_else(|| own.to_owned(), |name| name.into_owned()))
                .collect();
            words.join(" ") + "\n"
        });
        lines.collect()
    }

    /// Names, aliases, built-in ones, what the configuration adds, and nothing.
    pub(crate) fn lookups(&self) -> Vec<OsString> {
        let added = ["net-komod", "komod-x", "komod-ab", "komod_virtual", "no-such-module", "x[y"];
        let all = self.modules.iter().chain(&self.aliases).chain(&self.builtins).cloned();
        all.chain(added.map(OsString::from)).collect()
    }
}

/// One call of each program.
struct Call {
    about: String,
    tool: &'static str,
    /// Options for komod.
    ours: Vec<OsString>,
    /// Options for the original, where they must be others.
    theirs: Vec<OsString>,
    operands: Vec<OsString>,
    /// A decided difference, undone in what the original printed.
    rewrite: fn(Vec<u8>) -> Vec<u8>,
}

struct Programs<'a> {
    ours: PathBuf,
    original: &'a Original,
    release: &'a str,
    /// Lines of output that were the same.
    lines: AtomicUsize,
}

impl Programs<'_> {
    fn modprobe(&self, about: &str, conf: &Path, base: &Path, draw: &Draw) -> Vec<Call> {
        let place: Vec<OsString> = vec![
            "-d".into(),
            base.into(),
            "-S".into(),
            self.release.into(),
            "-C".into(),
            conf.into(),
        ];
        let call = |ours: &[&str], theirs: &[&str], operands: Vec<OsString>| {
            let with = |words: &[&str]| {
                place.iter().cloned().chain(words.iter().map(OsString::from)).collect()
            };
            Call {
                about: format!("modprobe {} ({about})", ours.join(" ")),
                tool: "modprobe",
                ours: with(ours),
                theirs: with(theirs),
                operands,
                rewrite: |bytes| bytes,
            }
        };
        let same = |words: &[&str], operands| call(words, words, operands);
        let lookups = draw.lookups();
        let mut calls = vec![
            Call { rewrite: separated, ..same(&["-c"], vec![]) },
            same(&["-a", "-D"], lookups.clone()),
            same(&["-a", "-b", "-D"], lookups.clone()),
            same(&["-a", "-i", "-D"], lookups.clone()),
            same(&["-a", "-n", "-v"], lookups.clone()),
            // komod's plan is printed without -v too, as by newer originals
            call(&["-a", "-n"], &["-a", "-n", "-v"], lookups.clone()),
            same(&["-a", "-b", "-n", "-v"], lookups.clone()),
            same(&["-a", "-R"], lookups.clone()),
            same(&["-q", "-a", "-R"], lookups.clone()),
        ];
        for chunk in hostile::names(&draw.aliases, 6000).chunks(600) {
            calls.push(same(&["-q", "-a", "-R", "--"], chunk.to_vec()));
            // As the kernel calls it, but for what it would do.
            calls.push(same(&["-q", "-D", "--"], chunk.iter().take(1).cloned().collect()));
        }
        // one operand a call: its own exit status, and parameters behind it
        for lookup in lookups.iter().step_by(11) {
            calls.push(same(&["-D"], vec![lookup.clone(), "p=1".into(), "q=a b".into()]));
            calls.push(same(&["-R"], vec![lookup.clone()]));
        }
        calls
    }

    fn modinfo(&self, about: &str, base: &Path, draw: &Draw, modes: &[&[&str]]) -> Vec<Call> {
        let modules = base.join("lib/modules").join(self.release);
        let end = if about == "plain" { ".ko" } else { ".ko.xz" };
        let paths: Vec<OsString> = draw
            .paths
            .iter()
            .map(|path| modules.join(path.trim_end_matches(".xz").trim_end_matches(".ko")))
            .map(|path| path.into_os_string().into_vec())
            .map(|bytes| OsString::from_vec([bytes.as_slice(), end.as_bytes()].concat()))
            .collect();
        let place: [OsString; 4] = ["-b".into(), base.into(), "-k".into(), self.release.into()];
        let mut calls = Vec::new();
        for mode in modes {
            let options: Vec<OsString> =
                place.iter().cloned().chain(mode.iter().map(OsString::from)).collect();
            for (what, operands) in [("names", draw.lookups()), ("paths", paths.clone())] {
                calls.push(Call {
                    about: format!("modinfo {} of {what} ({about})", mode.join(" ")),
                    tool: "modinfo",
                    ours: options.clone(),
                    theirs: options.clone(),
                    operands,
                    rewrite: |bytes| bytes,
                });
            }
        }
        calls
    }

    /// Makes all the calls on every core; prints each that differs.
    fn judge(&self, calls: Vec<Call>) -> Result<Tally, Stop> {
        let queue = Mutex::new(calls);
        let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let part = || -> Result<Tally, Stop> {
            let mut tally = Tally::default();
            while let Some(call) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                let difference = self.difference(&call, &call.operands)?;
                tally.count(difference.is_none());
                if let Some(difference) = difference {
                    println!("DIFFERENT: {}\n{difference}", call.about);
                }
            }
            Ok(tally)
        };
        std::thread::scope(|scope| {
            let parts: Vec<_> = (0..workers).map(|_| scope.spawn(part)).collect();
            let mut tally = Tally::default();
            for part in parts {
                let own = part.join().map_err(|_| Stop::Failed("comparing panicked".into()))??;
                tally.add(own);
            }
            Ok(tally)
        })
    }

    /// What differs in a call, of as few operands as show it.
    fn difference(&self, call: &Call, operands: &[OsString]) -> Result<Option<String>, Stop> {
        let mut ours = Command::new(&self.ours);
        ours.arg0(call.tool).args(&call.ours).args(operands);
        let mut theirs = self.original.command(call.tool);
        theirs.args(&call.theirs).args(operands);
        let (ours, mut theirs) = (programs::output(&mut ours)?, programs::output(&mut theirs)?);
        theirs.stdout = (call.rewrite)(theirs.stdout);
        if ours.status.code() == theirs.status.code() && ours.stdout == theirs.stdout {
            let ends = |byte: &&u8| **byte == b'\n' || **byte == 0;
            self.lines.fetch_add(ours.stdout.iter().filter(ends).count(), Ordering::Relaxed);
            return Ok(None);
        }
        if operands.len() > 3 {
            let (left, right) = operands.split_at(operands.len() / 2);
            for half in [left, right] {
                if let Some(difference) = self.difference(call, half)? {
                    return Ok(Some(difference));
                }
            }
        }
        let (own, other) = first_difference(&ours.stdout, &theirs.stdout);
        let statuses = (ours.status.code(), theirs.status.code());
        Ok(Some(format!(
            "  operands {operands:?}\n  statuses {statuses:?}\n  komod    {own}\n  original {other}"
        )))
    }
}

/// A directory for `-b` with the modules of `base`, and an index by the original.
pub(crate) fn indexed(debian: &Debian13, base: &Path, to: &Path) -> Result<PathBuf, Stop> {
    let from = base.join("lib/modules").join(&debian.release);
    let dir = to.join("lib/modules").join(&debian.release);
    fs::create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    for entry in fs::read_dir(&from).map_err(Stop::io(from.display()))?.flatten() {
        let link = dir.join(entry.file_name());
        std::os::unix::fs::symlink(entry.path(), &link).map_err(Stop::io(link.display()))?;
    }
    let mut depmod = debian.original.command("depmod");
    depmod.args(["-C", "/dev/null", "-b"]).arg(to).arg(&debian.release);
    programs::run(&mut depmod)?;
    Ok(to.into())
}

/// A file, and the directory it lies in.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(Stop::io(dir.display()))?;
    }
    fs::write(path, bytes).map_err(Stop::io(path.display()))
}

/// The module's name in a path.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).to_owned()
}

/// A text that the pattern matches, one of several by turns.
fn filled(pattern: &str, turn: usize) -> String {
    let mut text = String::new();
    let mut rest = pattern.chars();
    while let Some(char) = rest.next() {
        match char {
            '*' => text.push_str(["", "7F", "x-1"][turn % 3]),
            '?' => text.push('7'),
            '[' => {
                text.extend(rest.next());
                rest.by_ref().find(|char| *char == ']');
            }
            char => text.push(char),
        }
    }
    text
}

/// `modprobe -c` of the original runs the last word before `post:` into it.
fn separated(stdout: Vec<u8>) -> Vec<u8> {
    let lines = stdout.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let text = String::from_utf8_lossy(line);
        match text.find("post:") {
            Some(at) if text.starts_with("softdep ") && !text[..at].ends_with(' ') => {
                [&line[..at], b" ", &line[at..]].concat()
            }
            _ => line.to_vec(),
        }
    });
    lines.flatten().collect()
}

/// The first line that is not the same in both.
fn first_difference(ours: &[u8], theirs: &[u8]) -> (String, String) {
    let mut ours = ours.split(|byte| *byte == b'\n' || *byte == 0);
    let mut theirs = theirs.split(|byte| *byte == b'\n' || *byte == 0);
    let text = |line: Option<&[u8]>| match line {
        Some(line) => line.escape_ascii().to_string(),
        None => "(ends)".into(),
    };
    loop {
        match (ours.next(), theirs.next()) {
            (own, other) if own != other => return (text(own), text(other)),
            (None, None) => return ("(the same)".into(), "(the same)".into()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_filled_in() {
        assert_eq!(filled("pci:v*d?[a-c]x", 0), "pci:vd7ax");
        assert_eq!(filled("a*b*", 1), "a7Fb7F");
    }

    #[test]
    fn only_a_softdep_run_together_is_separated() {
        let text = b"softdep a pre: bpost: c\nsoftdep d post: e\nalias compost:x y\n".to_vec();
        let wanted = b"softdep a pre: b post: c\nsoftdep d post: e\nalias compost:x y\n";
        assert_eq!(separated(text), wanted);
    }

    #[test]
    fn the_first_difference_is_named() {
        let lines = |own: &str, other: &str| (own.to_owned(), other.to_owned());
        assert_eq!(first_difference(b"a\nb\n", b"a\nc\n"), lines("b", "c"));
        assert_eq!(first_difference(b"a", b"a\nc"), lines("(ends)", "c"));
    }
}
