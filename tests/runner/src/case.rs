//! One case: a directory of small files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::calls::{self, Call};
use crate::program::TOOLS;
use crate::sandbox::Output;
use crate::{Tree, Trouble};

/// The originals that a case counts for when it does not say.
pub const ORIGINALS: [&str; 2] = ["34.2", "30"];

/// Where the cases of no one tool stand: what other programs do with the tools.
const CONSUMERS: &str = "consumers";

/// Where the cases of the library stand: `args` are commands of the program `ask`.
const LIBRARY: &str = "libkmod";

/// Every file name that a case may have; others are mistakes.
const INPUTS: [&str; 14] = [
    "argv0",
    "args",
    "script",
    "env",
    "stdin",
    "closed",
    "output",
    "tree",
    "data",
    "why",
    "originals",
    "original",
    "README",
    "hints",
];
const EXPECTATIONS: [&str; 7] =
    ["stdout", "stderr", "status", "calls", "syslog", "files", "absent"];

/// A case as it lies on disk.
#[derive(Debug, Clone)]
pub struct Case {
    /// `TOOL/BEHAVIOUR`.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// `argv[0]` and the arguments.
    pub argv: Vec<String>,
    /// What a shell runs in place of the tool: somebody who uses the tools.
    pub script: Option<String>,
    /// Environment in place of the runner's own.
    pub env: Vec<(String, String)>,
    /// Bytes of standard input.
    pub stdin: Option<Vec<u8>>,
    /// Descriptors among 0..=2 that are closed; the case is run with each of these
    /// sets.
    pub closed: Vec<Vec<i32>>,
    /// Where standard output goes.
    pub output: Output,
    /// The scratch root and the kernel.
    pub tree: Tree,
    /// The originals it counts for.
    pub originals: Vec<String>,
    /// Why komod differs on purpose.
    pub why: Option<String>,
    /// What is expected of komod, and of the originals unless they differ.
    pub expected: Expected,
    /// What is expected of the originals, where komod differs on purpose.
    pub original: Option<Expected>,
}

/// What a case's files expect. A missing `stdout`, `stderr`, `calls` or `syslog` is
/// an empty one, a missing `status` is 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit status.
    pub status: i32,
    /// What is asked of the kernel, in order.
    pub calls: Vec<Call>,
    /// Lines to syslog.
    pub syslog: Vec<u8>,
    /// Files that must lie below the root afterwards: path, bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths that must not be there afterwards.
    pub absent: Vec<String>,
    /// The lines of standard error that say why: of komod alone, and apart from the
    /// others.
    pub hints: Vec<u8>,
}

impl Case {
    /// Reads the case in `dir`, whose last two names are the tool and the behaviour.
    /// With `empty`, one that expects nothing yet is let through, to be filled in.
    ///
    /// # Errors
    /// A file that makes no sense, an unknown file, nothing expected, a decided
    /// difference without the original's side or its reason.
    pub fn load(dir: &Path, empty: bool) -> Result<Self, Trouble> {
        let mut names = dir.iter().rev().map(|name| name.to_string_lossy().into_owned());
        let (behaviour, tool) =
            (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let name = format!("{tool}/{behaviour}");
        Self::read(dir, &tool, name.clone(), empty).map_err(|e| Trouble(format!("{name}: {}", e.0)))
    }

    fn read(dir: &Path, tool: &str, name: String, empty: bool) -> Result<Self, Trouble> {
        if !TOOLS.contains(&tool) && tool != CONSUMERS && tool != LIBRARY {
            return Err(Trouble(format!("{tool} is no tool")));
        }
        let known = [INPUTS.as_slice(), &EXPECTATIONS].concat();
        only_known(dir, &known)?;
        let text = |file: &str| text(&dir.join(file));
        let script = text("script")?;
        let given = dir.join("args").exists() || dir.join("argv0").exists();
        if script.is_some() && given {
            return Err(Trouble("`script` takes the place of `args` and `argv0`".into()));
        }
        if script.is_none() && tool == CONSUMERS {
            return Err(Trouble(format!("a case of {CONSUMERS} has a `script`")));
        }
        let argv0 = text("argv0")?.map_or(tool.to_owned(), |a| a.trim_end().to_owned());
        let args = text("args")?.unwrap_or_default();
        let argv = std::iter::once(argv0).chain(lines(&args)).collect();
        let env = lines(&text("env")?.unwrap_or_default())
            .map(|line| match line.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => Err(Trouble(format!("env: no NAME=VALUE: {line}"))),
            })
            .collect::<Result<_, _>>()?;
        let closed = closed_sets(text("closed")?.unwrap_or_default().trim())?;
        let output = match text("output")?.as_deref().map(str::trim_end) {
            None => Output::Caught,
            Some("full") => Output::Full,
            Some("unread") => Output::Unread,
            Some("unread-without-signal") => Output::UnreadWithoutSignal,
            Some(word) => return Err(Trouble(format!("output: {word} is nowhere"))),
        };
        let originals = match text("originals")? {
            None => ORIGINALS.map(str::to_owned).to_vec(),
            Some(text) => text.split_whitespace().map(str::to_owned).collect(),
        };
        let none = originals == ["none"];
        let known = |original: &String| ORIGINALS.contains(&original.as_str());
        if originals.is_empty() || !(none || originals.iter().all(known)) {
            return Err(Trouble(format!("originals: some of {ORIGINALS:?} expected, or none")));
        }
        let expected = Expected::read(dir, &Expected::default())?;
        let original = dir.join("original");
        let original = match original.is_dir() {
            true => {
                only_known(&original, &EXPECTATIONS)?;
                Some(Expected::read(&original, &expected)?)
            }
            false => None,
        };
        let why = text("why")?;
        if why.is_some() != (original.is_some() || none) && !empty {
            return Err(Trouble("a decided difference has both `why` and `original/`".into()));
        }
        if original.as_ref() == Some(&expected) && !empty {
            return Err(Trouble("`original/` is no different".into()));
        }
        if !empty && !EXPECTATIONS.iter().any(|file| dir.join(file).exists()) {
            return Err(Trouble("cannot fail: no expectation file".into()));
        }
        Ok(Self {
            name,
            dir: dir.into(),
            argv,
            script,
            env,
            stdin: bytes(&dir.join("stdin"))?,
            closed,
            output,
            tree: Tree::parse(&text("tree")?.unwrap_or_default())?,
            originals,
            why,
            expected,
            original,
        })
    }

    /// What is expected of komod, or of an original.
    pub fn expected_of(&self, ours: bool) -> &Expected {
        match &self.original {
            Some(original) if !ours => original,
            _ => &self.expected,
        }
    }

    /// Whether it is one of the library, not of a tool.
    pub fn is_of_library(&self) -> bool {
        self.name.split('/').next() == Some(LIBRARY)
    }

    /// All cases below `dir`, in order of their names; only those whose name
    /// contains `filter`.
    ///
    /// # Errors
    /// As [`Case::load`].
    pub fn all(dir: &Path, filter: &str, empty: bool) -> Result<Vec<Self>, Trouble> {
        let mut cases = Vec::new();
        for tool in entries(dir)? {
            for case in entries(&tool)? {
                let name = case.strip_prefix(dir).unwrap_or(&case).to_string_lossy();
                if name.contains(filter) {
                    cases.push(Self::load(&case, empty)?);
                }
            }
        }
        Ok(cases)
    }
}

impl Expected {
    /// The expectation files of `dir`, each missing one taken from `base`.
    fn read(dir: &Path, base: &Self) -> Result<Self, Trouble> {
        let status = match text(&dir.join("status"))? {
            None => base.status,
            Some(text) => text.trim().parse().map_err(|e| Trouble(format!("status: {e}")))?,
        };
        let calls = match text(&dir.join("calls"))? {
            None => base.calls.clone(),
            Some(text) => calls::parse(&text)?,
        };
        let mut files = base.files.clone();
        let below = dir.join("files");
        if below.is_dir() {
            collect_files(&below, &below, &mut files)?;
        }
        let absent = text(&dir.join("absent"))?;
        let absent: Vec<_> = absent.map_or(base.absent.clone(), |text| lines(&text).collect());
        files.retain(|path, _| !absent.iter().any(|a| a.trim_start_matches('/') == path));
        Ok(Self {
            stdout: bytes(&dir.join("stdout"))?.unwrap_or_else(|| base.stdout.clone()),
            stderr: bytes(&dir.join("stderr"))?.unwrap_or_else(|| base.stderr.clone()),
            status,
            calls,
            syslog: bytes(&dir.join("syslog"))?.unwrap_or_else(|| base.syslog.clone()),
            files,
            absent,
            hints: bytes(&dir.join("hints"))?.unwrap_or_else(|| base.hints.clone()),
        })
    }
}

/// The sets of descriptors that a `closed` file names: one, or `every` of the eight.
fn closed_sets(text: &str) -> Result<Vec<Vec<i32>>, Trouble> {
    if text == "every" {
        let set = |bits: i32| (0..=2).filter(|fd| bits >> fd & 1 == 1).collect();
        return Ok((0..8).map(set).collect());
    }
    let fds = text.split_whitespace().map(|fd| match fd.parse() {
        Ok(fd @ 0..=2) => Ok(fd),
        _ => Err(Trouble(format!("closed: 0, 1, 2 or every expected, found {fd}"))),
    });
    Ok(vec![fds.collect::<Result<_, _>>()?])
}

fn only_known(dir: &Path, known: &[&str]) -> Result<(), Trouble> {
    for entry in entries(dir)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if !known.contains(&&*name) {
            return Err(Trouble(format!("unknown file {name}")));
        }
    }
    Ok(())
}

/// One item a line; an empty line is an empty item.
fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::to_owned)
}

fn text(path: &Path) -> Result<Option<String>, Trouble> {
    let text = bytes(path)?.map(String::from_utf8).transpose();
    text.map_err(|e| Trouble(format!("{}: {e}", path.display())))
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Trouble::io(path)(error)),
    }
}

/// The paths in a directory, by name.
pub fn entries(dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let entries = fs::read_dir(dir).map_err(Trouble::io(dir))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Trouble::io(dir))?;
    paths.sort();
    Ok(paths)
}

fn collect_files(
    base: &Path,
    dir: &Path,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Trouble> {
    for path in entries(dir)? {
        if path.is_dir() {
            collect_files(base, &path, files)?;
        } else {
            let name = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = fs::read(&path).map_err(Trouble::io(&path))?;
            match name.strip_suffix(".hex") {
                Some(name) => files.insert(name.into(), unhex(&bytes)?),
                None => files.insert(name, bytes),
            };
        }
    }
    Ok(())
}

/// The bytes that a `files/*.hex` spells, so that every file of a case is text.
fn unhex(text: &[u8]) -> Result<Vec<u8>, Trouble> {
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = String::from_utf8_lossy(pair);
        u8::from_str_radix(&pair, 16).map_err(|e| Trouble(format!("hex: {e}")))
    });
    pairs.collect()
}

/// What [`unhex`] reads back, 16 bytes a line.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| {
        line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ") + "\n"
    };
    bytes.chunks(16).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(files: &[(&str, &str)]) -> Result<Case, Trouble> {
        case_of("modprobe", files)
    }

    fn case_of(tool: &str, files: &[(&str, &str)]) -> Result<Case, Trouble> {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join(tool).join("some_behaviour");
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in files {
            fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
            fs::write(dir.join(name), text).unwrap();
        }
        Case::load(&dir, false)
    }

    #[test]
    fn small_files_make_a_case() {
        let case = case(&[
            ("args", "-v\n\na b\n"),
            ("env", "A=b=c\n"),
            ("closed", "0 2\n"),
            ("originals", "34.2\n"),
            ("stdout", "x"),
            ("files/a/b", "y"),
        ])
        .unwrap();
        assert_eq!(case.name, "modprobe/some_behaviour");
        assert_eq!(case.argv, ["modprobe", "-v", "", "a b"]);
        assert_eq!(case.env, [("A".into(), "b=c".into())]);
        assert_eq!(case.closed, [[0, 2]]);
        assert_eq!(case.originals, ["34.2"]);
        assert_eq!(case.expected.stdout, b"x");
        assert_eq!(case.expected.files["a/b"], b"y");
    }

    #[test]
    fn descriptors_and_output_are_read() {
        let case = case(&[("status", "0"), ("closed", "every\n"), ("output", "full\n")]).unwrap();
        assert_eq!(case.closed.len(), 8);
        assert!(case.closed.contains(&vec![]) && case.closed.contains(&vec![0, 1, 2]));
        assert_eq!(case.output, Output::Full);
        assert!(super::closed_sets("3").is_err());
    }

    #[test]
    fn bytes_are_spelt_in_hex() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(hex(&all).as_bytes()).unwrap(), all);
        let case = case(&[("files/lib/a.bin.hex", "00 ff\n10\n")]).unwrap();
        assert_eq!(case.expected.files["lib/a.bin"], [0, 255, 16]);
    }

    #[test]
    fn a_case_that_cannot_fail_is_refused() {
        let error = case(&[("args", "x\n")]).unwrap_err();
        assert!(error.0.contains("cannot fail"), "{error}");
    }

    #[test]
    fn a_script_takes_the_place_of_words() {
        let script = ("script", "modprobe -R x | sort\n");
        let case = case_of("consumers", &[script, ("stdout", "x\n")]).unwrap();
        assert_eq!(case.script.as_deref(), Some(script.1));
        assert!(case_of("modprobe", &[script, ("stdout", "")]).unwrap().script.is_some());
        let both = case_of("consumers", &[script, ("args", "x\n"), ("stdout", "")]);
        assert!(both.unwrap_err().0.contains("takes the place"));
        let neither = case_of("consumers", &[("args", "x\n"), ("stdout", "")]);
        assert!(neither.unwrap_err().0.contains("has a `script`"));
        assert!(case_of("nobody", &[script, ("stdout", "")]).unwrap_err().0.contains("no tool"));
    }

    #[test]
    fn unknown_files_are_refused() {
        assert!(case(&[("stdoud", "")]).unwrap_err().0.contains("unknown file stdoud"));
        let inner = [("status", "0"), ("why", "so"), ("original/args", "")];
        assert!(case(&inner).unwrap_err().0.contains("unknown file args"));
    }

    #[test]
    fn a_difference_needs_its_reason_and_must_be_one() {
        let hangs = [("status", "0"), ("originals", "none")];
        assert!(case(&hangs).unwrap_err().0.contains("why"));
        assert!(case(&[hangs[0], hangs[1], ("why", "the original does not end")]).is_ok());
        assert!(case(&[("status", "0"), ("originals", "none 30")]).is_err());
        let missing = [("status", "0"), ("original/status", "1")];
        assert!(case(&missing).unwrap_err().0.contains("why"));
        let same = [("status", "0"), ("why", "so"), ("original/status", "0")];
        assert!(case(&same).unwrap_err().0.contains("no different"));
        let right = [("status", "0"), ("stdout", "x"), ("why", "so"), ("original/status", "1")];
        let case = case(&right).unwrap();
        assert_eq!(case.expected_of(false).status, 1);
        assert_eq!(case.expected_of(false).stdout, b"x");
        assert_eq!(case.expected_of(true).status, 0);
    }
}
