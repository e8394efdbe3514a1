//! The kernel whose modules are counted on: some 500 modules with 5,000
//! aliases, the same bytes in every run and on every machine.

use std::fs;
use std::path::Path;

use komod_fixtures::{ModuleSpec, Tree};

use crate::outcome::Stop;
use crate::random::Dice;

/// Its release.
pub const RELEASE: &str = "6.1.0-counted";

const MODULES: usize = 500;
const ALIASES: usize = 10;
/// A directory holds few, so that the order in which a file system lists them
/// has next to nothing to say.
const SIBLINGS: usize = 4;

/// The module that is loaded; it needs several, one of which needs others.
pub const WANTED: &str = "driver_499";

/// Whose aliases are asked for: family, module and which of its aliases.
const FAMILIES: [(&str, usize, usize); 6] = [
    ("pci", 242, 1),
    ("usb", 115, 4),
    ("of", 336, 6),
    ("hid", 407, 8),
    ("acpi", 58, 3),
    ("dmi", 199, 1),
];

/// A device to ask for.
pub struct Device {
    /// Its bus.
    pub family: &'static str,
    /// What the kernel calls it.
    pub modalias: String,
    /// The module that answers; `None` if none does.
    pub module: Option<String>,
}

/// One device of each family, and one that nobody knows.
pub fn devices() -> Vec<Device> {
    let known = FAMILIES.iter().map(|&(family, number, at)| Device {
        family,
        modalias: alias(number, at).replace('*', "0"),
        module: Some(name(number).replace('-', "_")),
    });
    let modalias = "virtio:d00000099v00000000".into();
    known.chain([Device { family: "unknown", modalias, module: None }]).collect()
}

/// Writes all of it below `root`.
pub fn write(root: &Path) -> Result<(), Stop> {
    tree().write(root).map(drop).map_err(Stop::io(root.display()))
}

/// A sum of all files below `root`, names and contents: FNV-1a, 64 bits.
pub fn sum(root: &Path) -> Result<u64, Stop> {
    let mut open = vec![root.to_path_buf()];
    let mut files = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).map_err(Stop::io(dir.display()))? {
            let path = entry.map_err(Stop::io(dir.display()))?.path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let bytes = fs::read(&path).map_err(Stop::io(path.display()))?;
        for byte in name.bytes().chain([0]).chain(bytes) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(sum)
}

fn tree() -> Tree {
    let mut dice = Dice::new(500);
    let mut tree = Tree::new(RELEASE);
    for number in 0..MODULES {
        let path = format!("kernel/drivers/group{}/{}.ko", number / SIBLINGS, name(number));
        tree = tree.module(&path, &module(number, &mut dice));
    }
    let builtin = |number: usize| format!("kernel/lib/within{number}.ko");
    let aliases = |number: usize| {
        let name = format!("within{number}");
        [format!("{name}.alias=platform:within-{number}"), format!("{name}.license=GPL")]
    };
    tree.builtin((0..60).map(builtin)).builtin_modinfo((0..60).flat_map(aliases))
}

fn name(number: usize) -> String {
    format!("driver{}{number}", if number % 3 == 0 { '-' } else { '_' })
}

/// A driver of an ordinary kernel: exports, needs with versions, functions of
/// its own, a page or two of code.
fn module(number: usize, dice: &mut Dice) -> ModuleSpec {
    let mut spec = ModuleSpec::new(&name(number).replace('-', "_"))
        .modinfo("license", "GPL")
        .modinfo("author", "Somebody <somebody@example.org>")
        .modinfo("description", &format!("Driver number {number}"));
    for at in 0..ALIASES {
        spec = spec.modinfo("alias", &alias(number, at));
    }
    spec = spec.modinfo("vermagic", "6.1.0-counted SMP preempt mod_unload modversions ");
    for parameter in ["debug", "index", "timeout"].iter().take(number % 4) {
        spec = spec.modinfo("parmtype", &format!("{parameter}:int"));
        spec = spec.modinfo("parm", &format!("{parameter}:what it says (int)"));
    }
    if number % 50 == 7 {
        let before = name(number - 1).replace('-', "_");
        spec = spec.modinfo("softdep", &format!("pre: {before} post: {}", name(number / 2)));
    }
    for at in 0..number % 5 {
        spec = spec.export_in_section(&symbol(number, at), crc(number, at));
    }
    spec = spec.version("module_layout", 0x1234_5678);
    for _ in 0..12 {
        let wanted = format!("kernel_function_{}", dice.below(300));
        spec = spec.needs(&wanted).version(&wanted, 0x9abc_def0);
    }
    for _ in 0..number.min(3) {
        let of = dice.below(number);
        if of % 5 > 0 {
            let at = dice.below(of % 5);
            spec = spec.needs(&symbol(of, at)).version(&symbol(of, at), crc(of, at).into());
        }
    }
    for at in 0..60 {
        spec = spec.defines(&format!("driver_{number}_function_{at}"));
    }
    spec.section(".rodata.tables", vec![0x5a; 4_096 + number * 16])
}

fn symbol(number: usize, at: usize) -> String {
    format!("driver_{number}_export_{at}")
}

fn crc(number: usize, at: usize) -> u32 {
    u32::try_from(number * 65_521 + at * 257).unwrap_or(0)
}

/// An alias of the family that a module belongs to.
fn alias(number: usize, at: usize) -> String {
    match number % 10 {
        0..=3 => {
            format!(
                "pci:v0000{:04X}d0000{:04X}sv*sd*bc*sc*i*",
                0x1000 + number / 8,
                number % 8 * 256 + at
            )
        }
        4 | 5 => format!(
            "usb:v{:04X}p{:04X}d*dc*dsc*dp*ic*isc*ip*in*",
            0x0400 + number % 100 / 10,
            number * 10 + at
        ),
        6 => format!(
            "of:N*T*Cmaker{number},chip{number}-{at}{}",
            if at % 2 == 0 { "" } else { "C*" }
        ),
        7 => format!("hid:b0003g*v0000{:04X}p0000{:04X}", 0x0800 + number % 30, number * 16 + at),
        8 => format!("acpi*:KMD{number:03X}{at}:*"),
        _ => format!(
            "dmi*:svn*Maker{}:pn*Model{number}-{}*:*",
            number / 10,
            char::from(b'a' + at as u8)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_large_as_it_says_and_always_the_same() {
        let sums = [(); 2].map(|()| {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path()).unwrap();
            sum(dir.path()).unwrap()
        });
        assert_eq!(sums[0], sums[1]);
        let other = tempfile::tempdir().unwrap();
        write(other.path()).unwrap();
        fs::write(other.path().join("more"), "").unwrap();
        assert_ne!(sum(other.path()).unwrap(), sums[0]);
        let mut aliases: Vec<String> =
            (0..MODULES).flat_map(|number| (0..ALIASES).map(move |at| alias(number, at))).collect();
        aliases.sort();
        aliases.dedup();
        assert!(aliases.len() > 4_900, "{} different aliases", aliases.len());
    }
}
