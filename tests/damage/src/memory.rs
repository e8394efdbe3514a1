//! The program where memory counts: many bombs in one tree, and modules that want more than
//! there is.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use komod_fixtures::{Bomb, Packing, pack};

use crate::golden::{Golden, Kind};
use crate::limits::run;
use crate::programs::{OWN, UNPACKED, judge};
use crate::record::{MEMORY, Record};
use crate::scratch::{RELEASE, Scratch};

/// So many modules at a time are read, and as many bombs are among them.
const AT_ONCE: usize = 4;
/// Packed modules that are enough work for so many threads.
const COMPANY: usize = 64;
/// A worker takes so many modules at a time.
const HANDFUL: usize = 4;

/// Both, through depmod.
pub fn sample(kmod: &Path, record: &mut Record) {
    bombs_at_once(kmod, record);
    short(kmod, record);
}

/// depmod reads four bombs at the same time: only one of them is ever large.
fn bombs_at_once(kmod: &Path, record: &mut Record) {
    let scratch = Scratch::new();
    let bytes = Bomb::ZstdRuns.build(4 << 20);
    let small = pack(b"no module", Packing::Zstd);
    for number in 0..COMPANY {
        let is_bomb = number % HANDFUL == 0 && number < AT_ONCE * HANDFUL;
        let name = if is_bomb { "bomb" } else { "small" };
        let path = scratch.modules().join(format!("kernel/_{number:02}{name}.ko.zst"));
        std::fs::write(path, if is_bomb { &bytes } else { &small }).expect("a file of the tree");
    }
    let golden = Golden { name: "many bombs".into(), group: "bombs", kind: Kind::Module, bytes };
    let what = || format!("{AT_ONCE} bombs at once: depmod");
    let words = ["-j".into(), AT_ONCE.to_string().into()];
    let ended = run(kmod, "depmod", &depmod(&scratch, &words), None, 30);
    // What each worker holds beside, and the bombs themselves.
    let most = UNPACKED + AT_ONCE * (MEMORY + golden.bytes.len()) + MEMORY;
    judge(record, &golden, &what, &ended, most, Duration::from_secs(20));
    let named = ended.said.matches("bomb.ko.zst: File too large").count();
    if ended.status != 0 || named != AT_ONCE {
        record.fail(&format!("{}: {named} are named: {}", what(), ended.said));
    }
    let (resident, time) = (ended.resident >> 20, ended.time.as_secs_f64());
    println!("{:<30}{resident:>6} MiB{time:>8.2} s", what());
}

/// Modules that unpack to more than the address space has, and such whose decoders want
/// more: depmod says so and keeps the old database.
fn short(kmod: &Path, record: &mut Record) {
    let large = vec![0; 40 << 20];
    for (name, extension, bytes) in [
        ("gzip", ".ko.gz", pack(&large, Packing::Gzip)),
        ("xz", ".ko.xz", pack(&large, Packing::Xz)),
        ("zstd", ".ko.zst", pack(&large, Packing::Zstd)),
        ("xz's dictionary", ".ko.xz", pack(b"small", Packing::XzWide)),
        ("zstd's window", ".ko.zst", Bomb::ZstdWindow.build(0)),
        ("plain", ".ko", large.clone()),
    ] {
        let scratch = Scratch::new();
        let out = scratch.root().join("out/lib/modules").join(RELEASE);
        let dep = out.join("modules.dep");
        std::fs::create_dir_all(&out).and_then(|()| std::fs::write(&dep, "old")).expect("room");
        let (file, what) = (format!("kernel/large{extension}"), || format!("no memory: {name}"));
        let golden = Golden { name: what(), group: "no memory", kind: Kind::Module, bytes };
        scratch.with(&file, &golden.bytes, || {
            let words = depmod(&scratch, &["-j1".into()]);
            let ended = run(kmod, "depmod", &words, Some(OWN), 5);
            judge(record, &golden, &what, &ended, OWN, Duration::from_secs(1));
            let told = ended.said.lines().count() == 1 && ended.said.contains("large");
            let told = told && ended.said.ends_with(": Cannot allocate memory\n");
            let old = std::fs::read(&dep).is_ok_and(|bytes| bytes == b"old");
            let alone = std::fs::read_dir(&out).is_ok_and(|entries| entries.count() == 1);
            if ended.status != 1 || !told || !old || !alone {
                let (status, said) = (ended.status, &ended.said);
                record.fail(&format!("{}: {status}, {old}, {alone}, {said}", what()));
            }
        });
    }
}

/// The words for a run that writes beside the tree.
fn depmod(scratch: &Scratch, more: &[OsString]) -> Vec<OsString> {
    let out = scratch.root().join("out");
    let begin = ["-b".into(), scratch.root().into(), "-o".into(), out.into_os_string()];
    [&begin[..], more, &[RELEASE.into()]].concat()
}
