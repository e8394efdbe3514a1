//! Asks everything that a file of some kind can be asked.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use komod_cache::{Facts, Key, Place, Told, Tree, checksum};
use komod_config::Config;
use komod_depmod::{KernelSymbols, Symbols};
use komod_elf::{Excerpt, Module, Signature, strip_modversions, strip_vermagic};
use komod_file::{Compression, DEFAULT_LIMIT, decompress, kernel_may_refuse};
use komod_index::{BuiltinInfo, DepLine, DeviceNode, Index};

use crate::golden::Kind;
use crate::scratch::Scratch;

/// Names and aliases to look up, among them what the files hold.
const NAMES: [&[u8]; 14] = [
    b"",
    b"a",
    b"ext4",
    b"eth0",
    b"snd_hda_intel",
    b"usb_storage",
    b"xyz",
    b"symbol:a_fn",
    b"pci:v00008086d00001234",
    b"pci:v00008086d000000003bx",
    b"usb:v0d-b",
    b"*",
    b"a[b",
    b"pci:v*d*sv*[a-z]*",
];

/// Asks whoever reads such files about `bytes`.
pub fn everything(kind: Kind, bytes: &[u8], scratch: &Scratch) {
    match kind {
        Kind::Module => module_file(bytes, scratch),
        Kind::Index => index(bytes),
        Kind::Modprobe => modprobe(bytes),
        Kind::Depmod => drop(scratch.with("depmod.conf", bytes, || scratch.database())),
        Kind::Dependencies => {
            bytes.split(|byte| *byte == b'\n').for_each(|line| _ = black_box(DepLine::parse(line)));
        }
        Kind::DeviceNodes => bytes
            .split(|byte| *byte == b'\n')
            .for_each(|line| _ = black_box(DeviceNode::parse(line))),
        Kind::Symvers => {
            let found = KernelSymbols::from_symvers(bytes, b"f", Some(b'_'), &mut |_| {});
            found.enter(&mut Symbols::default());
        }
        Kind::SystemMap => {
            let found = KernelSymbols::from_system_map(bytes, b"f", None, &mut |_| {});
            found.enter(&mut Symbols::default());
        }
        Kind::List(name) => {
            if name == "modules.builtin.modinfo" {
                let info = BuiltinInfo::new(bytes);
                let _ = black_box((info.of(b"ext4"), info.records().count()));
            }
            drop(scratch.with(name, bytes, || scratch.database()));
        }
        Kind::Cache => {
            cache(bytes);
            // The sum guards against damage: where it is right, everything is read.
            if let Some((body, _)) = bytes.split_last_chunk::<8>() {
                cache(&[body, &checksum(body).to_le_bytes()].concat());
            }
            told(bytes, scratch);
            // So it is with the head of what modules tell.
            if let Some((head, rest)) = bytes.split_at_checked(32) {
                if let Some((_, rest)) = rest.split_first_chunk::<8>() {
                    told(&[head, &checksum(head).to_le_bytes(), rest].concat(), scratch);
                }
            }
        }
        Kind::CommandLine => {
            let mut config = Config::default();
            config.read_cmdline(bytes);
            look_up(&config);
        }
    }
}

/// What depmod reads of its last run.
fn told(bytes: &[u8], scratch: &Scratch) {
    let place = Place::make(&scratch.root().join("told")).expect("a scratch directory");
    place.replace("m", 0o600, bytes).expect("a scratch file");
    if let Some(told) = Told::open(&place, "m") {
        let key = Key::of(&std::fs::metadata(scratch.packed()).expect("a module"));
        let mut memory = Vec::new();
        black_box(told.read(&key, &mut memory).then(|| Told::tale(&memory).end.len()));
    }
}

fn cache(bytes: &[u8]) {
    if let Some(tree) = Tree::parse(bytes) {
        black_box(tree.to_bytes());
    }
    let sum = bytes.last_chunk().map_or(0, |sum| u64::from_le_bytes(*sum));
    let Some(facts) = Facts::parse(bytes, sum) else { return };
    black_box(facts.names().count());
    for module in (0..facts.len()).filter_map(|place| facts.module(place)) {
        black_box((module.exports().count(), module.wants().count(), module.texts().count()));
    }
}

/// A module as insmod, modinfo and depmod read it.
fn module_file(bytes: &[u8], scratch: &Scratch) {
    let compression = Compression::of_magic(bytes);
    black_box(kernel_may_refuse(bytes, compression));
    let mut unpacked = Vec::new();
    if decompress(bytes, compression, DEFAULT_LIMIT, &mut unpacked).is_ok() {
        module(&unpacked);
    }
    // Where nothing is unpacked the whole of depmod is quick enough, too.
    if compression == Compression::Plain && bytes.len() % 8 == 0 {
        drop(scratch.with("kernel/m.ko", bytes, || scratch.database()));
    }
}

fn module(bytes: &[u8]) {
    let _ = black_box(Signature::of(bytes));
    let mut image = bytes.to_vec();
    let _ = (strip_modversions(&mut image), strip_vermagic(&mut image));
    let mut excerpt = Excerpt::default();
    let mut read = |offset: u64, part: &mut [u8]| {
        let start = usize::try_from(offset).ok().and_then(|start| bytes.get(start..));
        match start.and_then(|rest| rest.get(..part.len())) {
            Some(from) => {
                part.copy_from_slice(from);
                true
            }
            None => false,
        }
    };
    if let Some(module) = excerpt.read(bytes.len() as u64, &mut read) {
        of_module(&module);
    }
    if let Some((module, end)) = excerpt.read_modinfo(bytes.len() as u64, &mut read) {
        let _ = black_box((module.modinfo(), Signature::of(end)));
    }
    if let Ok(module) = Module::parse(bytes) {
        of_module(&module);
    }
}

fn of_module(module: &Module<'_>) {
    let _ = black_box((module.exports(), module.export_names(), module.needs()));
    let _ = black_box((module.undefined(), module.versions(), module.build_id()));
    black_box(module.version_fields().map(Iterator::count));
    let _ = black_box((
        module.modinfo(),
        module.modinfo_values(b"alias").map(|v| v.map(Iterator::count)),
    ));
}

fn index(bytes: &[u8]) {
    let Ok(index) = Index::from_bytes(bytes.to_vec()) else { return };
    index.for_each(&mut |key, value| _ = black_box((key.len(), value)));
    for name in NAMES {
        if let Some(line) = index.find(name) {
            black_box(DepLine::parse(line));
        }
        black_box(index.find_matching(name));
    }
}

fn modprobe(bytes: &[u8]) {
    for from_modules in [false, true] {
        let mut config = Config::default();
        config.read(Arc::from(Path::new("f")), bytes, from_modules);
        look_up(&config);
    }
}

fn look_up(config: &Config) {
    for name in NAMES {
        black_box(config.aliases_for(name).count());
        black_box((config.options_for(name, Some(b"eth0")), config.is_blacklisted(name)));
        black_box((config.install_for(name), config.remove_for(name), config.command_named(name)));
        if let Some(softdep) = config.softdep_for(name) {
            black_box((softdep.pre().count(), softdep.post().count(), softdep.text()));
        }
        black_box(config.weakdep_for(name).map(|weakdep| weakdep.text()));
    }
}
