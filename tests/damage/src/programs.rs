//! The program itself, on a sample of the same files and on bombs.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use komod_fixtures::Bomb;

use crate::change::{self, Change};
use crate::golden::{self, Golden, Kind};
use crate::limits::{Ended, run};
use crate::memory;
use crate::meter::Cost;
use crate::record::{MEMORY, Record};
use crate::scratch::{RELEASE, Scratch};

/// About so many changes of each file.
const SAMPLE: usize = 40;
/// What the program needs for itself, code, stacks and buffers, in bytes.
pub const OWN: usize = 24 << 20;
/// What may be unpacked.
pub const UNPACKED: usize = 1 << 30;

/// Some changes of each file, through every tool that reads it and changes no kernel; then
/// the bombs, and what wants more memory than there is.
///
/// # Panics
/// When the scratch tree cannot be written.
pub fn sample(kmod: &Path) -> Record {
    let scratch = Scratch::new();
    let mut record = Record::default();
    let mut depmod = Command::new(kmod);
    depmod.arg0("depmod").arg("--cache").arg(scratch.cache_dir()).arg("-b").arg(scratch.root());
    let depmod = depmod.arg(RELEASE).status().expect("the program starts");
    assert!(depmod.success(), "depmod of a sound tree");
    for golden in golden::all(&scratch) {
        let changes = change::all(&golden.bytes);
        let step = changes.len().div_ceil(SAMPLE) | 1;
        for change in changes.into_iter().step_by(step) {
            damaged(kmod, &scratch, &golden, change, &mut record);
        }
    }
    for bomb in Bomb::ALL {
        self::bomb(kmod, &scratch, bomb, &mut record);
    }
    memory::sample(kmod, &mut record);
    record
}

fn damaged(kmod: &Path, scratch: &Scratch, golden: &Golden, change: Change, record: &mut Record) {
    let bytes = change.of(&golden.bytes);
    let (name, questions) = questions(golden, scratch);
    scratch.with(&name, &bytes, || {
        for (tool, words) in questions {
            let what = || format!("{} {change}: {tool} {}", golden.name, options(&words));
            let (memory, time) = (golden.bytes.len() + MEMORY + OWN, Duration::from_secs(1));
            let ended = run(kmod, tool, &words, Some(memory), 2);
            judge(record, golden, &what, &ended, usize::MAX, time);
        }
    });
}

/// The options among words; the paths are of this run alone.
fn options(words: &[OsString]) -> String {
    let words = words.iter().filter_map(|word| word.to_str());
    words.filter(|word| word.starts_with('-')).collect::<Vec<_>>().join(" ")
}

type Question = (&'static str, Vec<OsString>);

/// Where in the module directory a file lies, and which calls read it.
fn questions(golden: &Golden, scratch: &Scratch) -> (String, Vec<Question>) {
    let path = |name: &str| scratch.modules().join(name).into_os_string();
    let at = |name: &str| (name.to_owned(), path(name));
    let words = |words: &[&OsStr]| words.iter().map(|word| (*word).into()).collect::<Vec<_>>();
    let (root, none) = (scratch.root().as_os_str(), path("no.conf"));
    let none = none.as_os_str();
    let word = OsStr::new;
    let (here, version) = (word("-d"), word("-S"));
    let modprobe = |more: &[&str]| {
        let begin = [word("-C"), none, here, root, version, word(RELEASE)];
        let more: Vec<&OsStr> = more.iter().map(OsStr::new).collect();
        ("modprobe", words(&[&begin[..], &more].concat()))
    };
    let depmod = |more: &[&OsStr]| {
        let begin = [word("-n"), word("-b"), root, word("-C"), none];
        ("depmod", words(&[&begin[..], more, &[word(RELEASE)]].concat()))
    };
    match golden.kind {
        Kind::Module => {
            let (name, path) = at(&format!("kernel/m.ko{}", extension(golden.group)));
            let path = path.as_os_str();
            let symvers = path_of_symvers(scratch);
            let asked = vec![
                ("modinfo", words(&[path])),
                ("modprobe", words(&[word("--show-exports"), path])),
                ("modprobe", words(&[word("--show-modversions"), path])),
                depmod(&[]),
                depmod(&[word("-ae"), word("-E"), symvers.as_os_str()]),
            ];
            (name, asked)
        }
        Kind::Modprobe if golden.group == "modprobe.d" => {
            let (name, path) = at("m.conf");
            let with = |more: &[&str]| {
                let begin = [word("-C"), &path, here, root, version, word(RELEASE)];
                let more: Vec<&OsStr> = more.iter().map(OsStr::new).collect();
                ("modprobe", words(&[&begin[..], &more].concat()))
            };
            (name, vec![with(&["-c"]), with(&["-n", "-a", "eth0", "a", "ext4", "usb-storage"])])
        }
        Kind::Depmod => {
            let (name, path) = at("d.conf");
            let begin = [word("-n"), word("-b"), root, word("-C"), &path, word(RELEASE)];
            (name, vec![("depmod", words(&begin))])
        }
        Kind::Symvers | Kind::SystemMap => {
            let (name, path) = at("symbols");
            let option = if golden.kind == Kind::Symvers { "-E" } else { "-F" };
            (name, vec![depmod(&[word("-ae"), word(option), &path])])
        }
        Kind::List(name) => (name.to_owned(), vec![depmod(&[])]),
        Kind::CommandLine => ("unread".to_owned(), Vec::new()),
        Kind::Cache => {
            let cache = scratch.cache_dir();
            let begin = [word("--cache"), cache.as_os_str(), word("-b"), root];
            let depmod = [&begin[..], &[word("-C"), none, word(RELEASE)]].concat();
            let modinfo = [&begin[..], &[word("-k"), word(RELEASE), word("b"), word("tun")]];
            let asked = vec![("modinfo", words(&modinfo.concat())), ("depmod", words(&depmod))];
            (golden.name.clone(), asked)
        }
        Kind::Index | Kind::Modprobe | Kind::Dependencies | Kind::DeviceNodes => {
            let modinfo = [word("-b"), root, word("-k"), word(RELEASE), word("a"), word("ext4")];
            let asked = vec![
                modprobe(&["-c"]),
                modprobe(&["-n", "-a", "a", "c-d", "usb:v0d-b", "ext4", "symbol:a_fn", "fs-c"]),
                modprobe(&["-R", "pci:v00008086d00001234"]),
                ("modinfo", words(&modinfo)),
            ];
            (golden.name.clone(), asked)
        }
    }
}

fn path_of_symvers(scratch: &Scratch) -> OsString {
    let path = scratch.modules().join("Module.symvers");
    let _ = std::fs::write(&path, "0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n");
    path.into_os_string()
}

fn extension(group: &str) -> &'static str {
    match group {
        "gzip" => ".gz",
        "xz" => ".xz",
        "zstd" => ".zst",
        _ => "",
    }
}

/// A bomb of 4 MB (zstd) or 16 MB through each tool that unpacks it here: it ends, names
/// the file, and had no more memory than what may be unpacked, and the file itself.
fn bomb(kmod: &Path, scratch: &Scratch, bomb: Bomb, record: &mut Record) {
    let bytes = bomb.build(if bomb.extension() == ".ko.zst" { 4 << 20 } else { 16 << 20 });
    let name = format!("kernel/bomb{}", bomb.extension());
    let golden = Golden { name: format!("{bomb:?}"), group: "bombs", kind: Kind::Module, bytes };
    let path = scratch.modules().join(&name).into_os_string();
    scratch.with(&name, &golden.bytes, || {
        let (root, out) = (scratch.root().into(), scratch.root().join("out").into_os_string());
        let depmod: Vec<OsString> = vec!["-b".into(), root, "-o".into(), out, RELEASE.into()];
        let asked: [Question; 3] = [
            ("modinfo", vec![path.clone()]),
            ("modprobe", vec!["--show-exports".into(), path]),
            ("depmod", depmod),
        ];
        for (tool, words) in asked {
            let what = || format!("{bomb:?}: {tool}");
            let ended = run(kmod, tool, &words, None, 20);
            let most = UNPACKED + golden.bytes.len() + MEMORY;
            judge(record, &golden, &what, &ended, most, Duration::from_secs(10));
            if !ended.said.contains("bomb") {
                record.fail(&format!("{}: the file is not named: {}", what(), ended.said));
            }
            let (resident, time) = (ended.resident >> 20, ended.time.as_secs_f64());
            println!("{:<30}{resident:>6} MiB{time:>8.2} s", what());
        }
    });
}

/// Enters one run.
pub fn judge(
    record: &mut Record,
    golden: &Golden,
    what: &dyn Fn() -> String,
    ended: &Ended,
    most: usize,
    soon: Duration,
) {
    let panic = match ended.status {
        0 | 1 => None,
        other => Some(format!("ended with {other}: {}", ended.said)),
    };
    // What a run had in memory is told apart from what this process has.
    let cost = Cost { heap: ended.resident, resident: 0, time: ended.time, panic };
    record.add_within(golden, what, &cost, most, soon);
}
