//! What is measured and what it has to be: the rows of the table, as data.

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// What the measuring parts call it.
    pub id: &'static str,
    /// The word on the command line that chooses it.
    pub group: &'static str,
    /// What it is, in the table's words.
    pub what: &'static str,
    /// The most it may be; `None` if it is only shown.
    pub must: Option<f64>,
    /// What it should be.
    pub aim: Option<f64>,
}

/// A row that is held.
const fn row(
    id: &'static str,
    group: &'static str,
    what: &'static str,
    must: f64,
    aim: f64,
) -> Bound {
    Bound { id, group, what, must: Some(must), aim: Some(aim) }
}

/// A row that is only shown.
const fn shown(id: &'static str, group: &'static str, what: &'static str) -> Bound {
    Bound { id, group, what, must: None, aim: None }
}

/// All rows, in the order of the table.
pub const BOUNDS: &[Bound] = &[
    row("plain-instructions", "plain", "depmod, plain modules: instructions, 1 thread", 0.20, 0.13),
    row("plain-cpu", "plain", "depmod, plain modules: CPU, 1 thread", 0.30, 0.21),
    row("plain-wall", "plain", "depmod, plain modules: wall, 2 threads", 0.22, 0.13),
    row("zst-cpu", "zst", "depmod, zst: CPU, 1 thread", 0.68, 0.63),
    row("zst-wall", "zst", "depmod, zst: wall, 2 threads", 0.38, 0.33),
    row("gz-cpu", "gz", "depmod, gz: CPU, 1 thread", 0.49, 0.44),
    row("gz-wall", "gz", "depmod, gz: wall, 2 threads", 0.28, 0.23),
    row("xz-cpu", "xz", "depmod, xz: CPU, 1 thread", 0.76, 0.72),
    row("xz-wall", "xz", "depmod, xz: wall, 2 threads", 0.41, 0.36),
    row("xz-cpu-older", "xz", "depmod, xz, kmod with liblzma 5.4: CPU, 1 thread", 0.76, 0.72),
    row("xz-wall-older", "xz", "depmod, xz, kmod with liblzma 5.4: wall, 2 threads", 0.41, 0.36),
    row("plain-memory", "plain", "depmod, plain: peak memory, 2 threads", 0.35, 0.22),
    row("zst-memory", "zst", "depmod, zst: peak memory, 2 threads", 0.70, 0.53),
    row("xz-memory", "xz", "depmod, xz: peak memory, 2 threads", 0.70, 0.53),
    row("larger-2", "larger", "2x the modules: CPU a module, against 1x", 1.1, 1.0),
    row("larger-4", "larger", "4x the modules: CPU a module, against 1x", 1.1, 1.0),
    row("plain-again", "plain", "depmod again, plain, nothing changed: CPU / full run", 0.03, 0.01),
    row("xz-again", "xz", "depmod again, xz, nothing changed: CPU / full run", 0.002, 0.001),
    row("plain-added", "plain", "one module added, plain: CPU / full run", 0.12, 0.09),
    row("zst-added", "zst", "one module added, zst: CPU / full run", 0.05, 0.04),
    row("xz-added", "xz", "one module added, xz: CPU / full run", 0.01, 0.006),
    row("plain-keeping", "plain", "writing the cache, plain: extra CPU / full run", 0.06, 0.03),
    shown("cold-plain", "cold", "depmod, plain, not in memory: wall"),
    shown("cold-zst", "cold", "depmod, zst, not in memory: wall"),
    row("load-instructions", "modprobe", "modprobe -n -v snd_hda_intel: instructions", 0.45, 0.28),
    row("load-cpu", "modprobe", "modprobe -n -v snd_hda_intel: CPU", 0.45, 0.28),
    row("load-calls", "modprobe", "modprobe -n -v snd_hda_intel: system calls", 0.75, 0.5),
    row("load-memory", "modprobe", "modprobe -n -v snd_hda_intel: peak memory", 0.5, 0.3),
    row("resolve-pci", "modprobe", "modprobe -R pci: instructions", 0.45, 0.28),
    row("resolve-of", "modprobe", "modprobe -R of: instructions", 0.20, 0.13),
    row("resolve-hid", "modprobe", "modprobe -R hid: instructions", 0.20, 0.13),
    row("resolve-dmi", "modprobe", "modprobe -R dmi: instructions", 0.20, 0.13),
    row("resolve-acpi", "modprobe", "modprobe -R acpi: instructions", 0.20, 0.13),
    row("show-instructions", "modprobe", "modprobe -c: instructions", 1.0, 0.94),
    row("show-cpu", "modprobe", "modprobe -c: CPU", 0.85, 0.73),
    row("modinfo-plain", "modinfo", "modinfo e1000e.ko: CPU", 0.20, 0.12),
    row("modinfo-zst", "modinfo", "modinfo e1000e.ko.zst: CPU", 0.50, 0.42),
    row("modinfo-xz", "modinfo", "modinfo e1000e.ko.xz: CPU", 0.70, 0.61),
    row(
        "modinfo-xz-older",
        "modinfo",
        "modinfo e1000e.ko.xz, kmod with liblzma 5.4: CPU",
        0.70,
        0.61,
    ),
    row("lsmod", "lsmod", "lsmod, 136 modules: CPU", 0.40, 0.2),
    row("start", "start", "start (--version): instructions", 0.40, 0.16),
    row("size", "size", "the static program, all codecs: MB", 1.5, 1.0),
];

/// The words that choose rows, in the order of the table.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = Vec::new();
    for bound in BOUNDS {
        if !groups.contains(&bound.group) {
            groups.push(bound.group);
        }
    }
    groups
}

/// The instructions that upstream's kmod needs for some rows, on Linux
/// 6.12.107 of Debian 13 (amd64): it is leaner than Debian's build of 34.2, so
/// it is the measure.
pub const UPSTREAM_KERNEL: &str = "6.12.107+deb13-amd64";

/// Rows and those instructions.
pub const UPSTREAM: [(&str, f64); 9] = [
    ("plain-instructions", 1_990e6),
    ("load-instructions", 575e3),
    ("resolve-pci", 456e3),
    ("resolve-of", 2_266e3),
    ("resolve-hid", 1_007e3),
    ("resolve-dmi", 1_111e3),
    ("resolve-acpi", 1_035e3),
    ("show-instructions", 23_534e3),
    ("start", 137e3),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_aims_lie_below_what_must_hold() {
        let mut ids: Vec<_> = BOUNDS.iter().map(|bound| bound.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), BOUNDS.len());
        assert!(BOUNDS.iter().all(|bound| bound.aim <= bound.must));
        for (id, _) in UPSTREAM {
            assert!(ids.contains(&id), "{id}");
        }
    }
}
