//! depmod on random small trees: modules of every class and byte order,
//! packed and damaged, duplicates that depmod.d decides on, external
//! directories, circles. The same trees on every machine and in every run.

use std::path::{Path, PathBuf};

use komod_fixtures::{Class, Endian, ModuleSpec, Packing, Tree, pack};

use crate::outcome::{Stop, Tally};
use crate::pair::{Pair, Run, Seen};

/// How many trees a run of the tests looks at.
pub const COUNT: u64 = 150;

const RELEASE: &str = "1.2.3";

/// Compares both programs on the trees of the first `count` seeds.
pub fn trees(pair: &Pair<'_>, count: u64) -> Result<Tally, Stop> {
    let mut tally = Tally::default();
    let (mut modules, mut circles) = (0, 0);
    for seed in 0..count {
        let made = Made::of(seed, &pair.scratch.dir.join("random"))?;
        let options: Vec<&str> = made.options.iter().map(String::as_str).collect();
        let config = made.base.join("depmod.conf");
        let run = Run { base: &made.base, release: RELEASE, config: &config, options: &options };
        let (ours, mut theirs) = (pair.ours(&run)?, pair.theirs(&run)?);
        only_decided_differences(&mut theirs);
        for (what, same) in ours.compared(&theirs) {
            tally.count(same);
            if !same {
                println!("random tree {seed} {options:?}: {what}");
            }
        }
        modules += made.modules;
        circles += usize::from(ours.status != Some(0));
    }
    println!("{count} random trees, {modules} module files, {circles} trees with circles");
    Ok(tally)
}

/// The decompressor's complaint about a file comes once from komod.
fn only_decided_differences(theirs: &mut Seen) {
    theirs.stderr.dedup_by(|a, b| {
        let codec = |line: &[u8]| line.starts_with(b"depmod: ERROR: xz:");
        a == b && (codec(a) || a.starts_with(b"depmod: ERROR: zstd:"))
    });
}

/// A tree on disk.
struct Made {
    base: PathBuf,
    options: Vec<String>,
    modules: usize,
}

impl Made {
    fn of(seed: u64, base: &Path) -> Result<Self, Stop> {
        if base.exists() {
            std::fs::remove_dir_all(base).map_err(Stop::io(base.display()))?;
        }
        let mut dice = Dice::new(seed);
        let mut tree = Tree::new(RELEASE).file("depmod.conf", config(&mut dice, base));
        let mut order = Vec::new();
        let mut exported: Vec<String> = Vec::new();
        let mut modules = 0;
        for name in names(&mut dice) {
            let mut spec = module(&mut dice, &name, &exported);
            if dice.percent(60) {
                let symbol = format!("{}_symbol", name.replace(['-', '.'], "_"));
                spec = export(&mut dice, spec, &symbol);
                exported.push(symbol);
            }
            // One copy a place: between places depmod.d decides.
            let kernel = *dice.pick(&["kernel", "kernel/a-b"]);
            let places = [kernel, "updates", "extra/x", "../../../ext"];
            for place in dice.some_of(&places, &[70, 25, 15, 15]) {
                let (path, bytes) = file(&mut dice, place, &name, &spec);
                order.push(listed(place, &name));
                tree = tree.module_bytes(&path, bytes);
                modules += 1;
            }
        }
        if dice.percent(15) {
            let size = 1 + dice.below(4);
            for at in 0..size {
                let spec = ModuleSpec::new("ring")
                    .needs(&format!("ring{}", (at + 1) % size))
                    .export(&format!("ring{at}"), 1);
                tree = tree.module(&format!("kernel/ring{at}.ko"), &spec);
            }
            modules += size;
        }
        if dice.percent(80) {
            order.retain(|_| dice.percent(70));
            dice.shuffle(&mut order);
            order.push("kernel/not-there.ko".into());
            tree = tree.order(order);
        }
        tree = tree.builtin(["kernel/in-side.ko", "", "kernel/b.ko.xz", "9.ko", "plain"]);
        tree = tree.builtin_modinfo(["in_side.alias=b-[a-]", "in-x.alias=c-d", "b.license=GPL"]);
        let symvers = |n| format!("{:#x}\tof_kernel{n}\tvmlinux\tEXPORT_SYMBOL\t\n", n % 3);
        tree = tree.file("symvers", (0..4).map(symvers).collect::<String>());
        tree = tree.file("map", "ff r __ksymtab_of_kernel1\nff T of_kernel2\nshort\n");
        tree.write(base).map_err(Stop::io(base.display()))?;
        let options = options(&mut dice, base);
        Ok(Self { base: base.to_owned(), options, modules })
    }
}

fn names(dice: &mut Dice) -> Vec<String> {
    let count = 1 + dice.below(14);
    let mut names: Vec<String> = (0..count).map(|n| format!("m{n}")).collect();
    names.extend(["a-b", "x_y-z", "dotted.name", "with-a_longer-name"].map(String::from));
    dice.shuffle(&mut names);
    names
}

fn module(dice: &mut Dice, name: &str, exported: &[String]) -> ModuleSpec {
    let mut spec = ModuleSpec::new(name)
        .class(*dice.pick(&[Class::Elf32, Class::Elf64]))
        .endian(*dice.pick(&[Endian::Little, Endian::Big]));
    let kernel: Vec<String> = (0..6).map(|n| format!("of_kernel{n}")).collect();
    for symbol in exported.iter().chain(&kernel) {
        if !dice.percent(20) {
            continue;
        }
        let shown = format!("{}{symbol}", if dice.percent(10) { "." } else { "" });
        spec = if dice.percent(20) { spec.needs_weak(&shown) } else { spec.needs(&shown) };
        if dice.percent(70) {
            spec = spec.version(symbol, dice.below(3) as u64);
        }
    }
    if dice.percent(50) {
        spec = spec.version("module_layout", 7);
    }
    const STRINGS: [(&str, &str); 12] = [
        ("alias", "pci:v*d-1[a-z]*"),
        ("alias", "of:N*-x"),
        ("alias", "of:N*_x"),
        ("alias", "un]matched"),
        ("alias", ""),
        ("alias", "devname:net/x"),
        ("alias", "char-major-10-200"),
        ("alias", "block-major-7-*"),
        ("alias", "char-major-1-+2tail"),
        ("softdep", "pre: a-b post: c"),
        ("weakdep", "some thing"),
        ("license", "GPL"),
    ];
    for (key, value) in STRINGS {
        if dice.percent(15) {
            spec = spec.modinfo(key, value);
        }
    }
    spec
}

fn export(dice: &mut Dice, spec: ModuleSpec, symbol: &str) -> ModuleSpec {
    match dice.below(4) {
        0 => spec.export(symbol, 1),
        1 => spec.export_in_section(symbol, 2),
        2 => spec.export_undefined(symbol),
        _ => spec.ksymtab_strings(["", symbol, "A_NAMESPACE"]),
    }
}

/// A module's file: packed somehow, named somehow, now and then cut short.
fn file(dice: &mut Dice, place: &str, name: &str, spec: &ModuleSpec) -> (String, Vec<u8>) {
    let suffix = *dice.pick(&["", "", ".xz", ".zst"]);
    let packing = *dice.pick(&[Packing::Plain, Packing::Plain, Packing::Xz, Packing::Zstd]);
    let mut bytes = pack(&spec.build(), packing);
    if dice.percent(4) {
        bytes.truncate(dice.below(bytes.len()));
    }
    (format!("{place}/{name}.ko{suffix}"), bytes)
}

fn listed(place: &str, name: &str) -> String {
    format!("{place}/{name}.ko")
}

/// Every place is in the search list once: no two copies are equal in rank,
/// which the original would leave to the file system.
fn config(dice: &mut Dice, base: &Path) -> String {
    let mut words = ["updates", "extra", "built-in", "external"];
    dice.shuffle(&mut words);
    let mut lines = vec![format!("search {}", words.join(" "))];
    lines.push(format!("external * {}/ext", base.display()));
    for _ in 0..dice.below(3) {
        let module = *dice.pick(&["m0", "m1", "a-b", "a_b", "dotted"]);
        let release = *dice.pick(&["*", "^1", "2.0"]);
        let place = *dice.pick(&["kernel", "updates", "extra/x"]);
        lines.push(format!("override {module} {release} {place}"));
    }
    if dice.percent(20) {
        lines.push(format!("exclude {}", dice.pick(&["updates", "m1.ko", "x"])));
    }
    if dice.percent(20) {
        lines.push(dice.pick(&["nonsense here", "# a remark", "search"]).to_string());
    }
    lines.join("\n") + "\n"
}

fn options(dice: &mut Dice, base: &Path) -> Vec<String> {
    let symvers = format!("{}/symvers", base.display());
    let map = format!("{}/map", base.display());
    let all: [&[&str]; 9] = [
        &[],
        &["-n"],
        &["-v", "-w"],
        &["-w"],
        &["-e"],
        &["-e", "-E", &symvers],
        &["-e", "-F", &map],
        &["-P", "m", "-v"],
        &["-A", "-w"],
    ];
    dice.pick(&all).iter().map(|word| (*word).to_owned()).collect()
}

/// Random numbers that are the same everywhere (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    /// The numbers of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.below(2);
        dice
    }

    /// A number below `limit`; 0 if that is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        value as usize % limit.max(1)
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    /// Each with its chance; the first if none.
    fn some_of<'t>(&mut self, all: &[&'t str], chances: &[usize]) -> Vec<&'t str> {
        let mut some: Vec<&str> = all
            .iter()
            .zip(chances)
            .filter(|(_, c)| self.percent(**c))
            .map(|(one, _)| *one)
            .collect();
        if some.is_empty() {
            some.push(all[0]);
        }
        some
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_repeat_themselves_and_reach_everything() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| dice.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(throw(1), throw(1));
        assert_ne!(throw(1), throw(2));
        assert!((0..6).all(|face| throw(3).contains(&face)));
    }
}
