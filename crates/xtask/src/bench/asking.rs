//! The small tools, measured: their CPU in many runs, their instructions and
//! system calls in one.

use std::fs;
use std::process::Command;

use crate::bench::Setting;
use crate::bench::arena::{Call, EMPTY, Side};
use crate::bench::figures::{Figure, Unit};
use crate::bench::run::Pairs;
use crate::callgrind::Callgrind;
use crate::fetch;
use crate::outcome::Stop;
use crate::programs;

/// Runs whose times are added up: one is too short to be measured.
const BATCH: u32 = 40;
/// Pairs of batches for one round of depmod.
const TURNS: usize = 3;

/// Loading, resolving and showing with modprobe, on Debian's own modules.
pub fn modprobe(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: modprobe");
    let base = setting.indexed()?;
    let call = |words: &[&str]| {
        let common = ["-C", EMPTY, "-d", &base, "-S", &setting.release];
        Call::new("modprobe", &[&common[..], words].concat())
    };
    let load = call(&["-n", "-v", "snd_hda_intel"]);
    setting.arena.same_answer(&load)?;
    let mut figures = vec![counted(setting, "load-instructions", &load)?];
    figures.push(cpu(setting, "load-cpu", &load, BATCH)?);
    let traced = |side| setting.arena.traced(side, &load);
    let (ours, theirs) = (traced(Side::Ours)?, traced(Side::Theirs)?);
    figures.push(Figure::ratio("load-calls", Unit::Calls, ours.calls as f64, theirs.calls as f64));
    figures.push(Figure::ratio("load-memory", Unit::Bytes, ours.peak as f64, theirs.peak as f64));
    let aliases = setting.modules(&base).join("modules.alias");
    let aliases = fs::read_to_string(&aliases).map_err(Stop::io(aliases.display()))?;
    for (id, family) in [
        ("resolve-pci", "pci:"),
        ("resolve-of", "of:"),
        ("resolve-hid", "hid:"),
        ("resolve-dmi", "dmi"),
        ("resolve-acpi", "acpi"),
    ] {
        let device = device(&aliases, family)
            .ok_or_else(|| Stop::Failed(format!("no alias begins with {family}")))?;
        let resolve = call(&["-R", &device]);
        setting.arena.same_answer(&resolve)?;
        figures.push(counted(setting, id, &resolve)?);
    }
    let show = call(&["-c"]);
    setting.arena.same_answer(&show)?;
    figures.push(counted(setting, "show-instructions", &show)?);
    figures.push(cpu(setting, "show-cpu", &show, BATCH / 4)?);
    Ok(figures)
}

/// A device that an alias of this family answers to: the one in the middle of
/// the list. `None` if the family has none.
fn device(aliases: &str, family: &str) -> Option<String> {
    let patterns: Vec<&str> = aliases
        .lines()
        .filter_map(|line| line.strip_prefix("alias ")?.split(' ').next())
        .filter(|pattern| pattern.starts_with(family) && !pattern.contains('['))
        .collect();
    let middle = patterns.get(patterns.len() / 2)?;
    // A family's name ends with its colon; what may follow a word is left out.
    Some(middle.replacen("*:", ":", 1).replace(['*', '?'], "0"))
}

/// modinfo on one large driver, packed in three ways.
pub fn modinfo(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: modinfo");
    let mut figures = Vec::new();
    for (id, kind, ending) in [
        ("modinfo-plain", "plain", ""),
        ("modinfo-zst", "zst", ".zst"),
        ("modinfo-xz", "xz", ".xz"),
    ] {
        let base = setting.lay("ours", kind)?;
        let dir = format!("{base}/lib/modules/{}/kernel/drivers/net/ethernet", setting.release);
        let call = Call::new("modinfo", &[&format!("{dir}/intel/e1000e/e1000e.ko{ending}")]);
        setting.arena.same_answer(&call)?;
        figures.push(cpu(setting, id, &call, if kind == "plain" { BATCH } else { BATCH / 2 })?);
        if kind == "xz" {
            setting.arena.bring_older(&fetch::older_liblzma()?)?;
            let id = "modinfo-xz-older";
            figures.push(beside(setting, id, &call, BATCH / 2, Side::TheirsOlder)?);
        }
    }
    Ok(figures)
}

/// lsmod on a kernel that has modules.
pub fn lsmod(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: lsmod");
    let call = Call::new("lsmod", &[]);
    setting.arena.same_answer(&call)?;
    Ok(vec![cpu(setting, "lsmod", &call, BATCH)?])
}

/// What every start costs.
pub fn start(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    eprintln!("bench: start");
    Ok(vec![counted(setting, "start", &Call::new("modprobe", &["--version"]))?])
}

/// How large the program is.
pub fn size(setting: &Setting<'_>) -> Result<Vec<Figure>, Stop> {
    let (ours, theirs) = setting.arena.sizes()?;
    let figure = Figure::ratio("size", Unit::Bytes, ours as f64, theirs as f64);
    let theirs = format!("{} with libraries", figure.theirs);
    Ok(vec![Figure { theirs, value: Some(ours as f64 / 1e6), ..figure }])
}

/// The CPU of a call, by both in turn.
fn cpu(setting: &Setting<'_>, id: &'static str, call: &Call, batch: u32) -> Result<Figure, Stop> {
    beside(setting, id, call, batch, Side::Theirs)
}

/// The CPU of a call, by ours and the original `theirs` in turn.
fn beside(
    setting: &Setting<'_>,
    id: &'static str,
    call: &Call,
    batch: u32,
    theirs: Side,
) -> Result<Figure, Stop> {
    let mut pairs = Pairs::default();
    for side in [Side::Ours, theirs] {
        setting.arena.spent(side, call, batch)?;
    }
    for _ in 0..setting.rounds * TURNS {
        let ours = setting.arena.spent(Side::Ours, call, batch)?.cpu;
        pairs.add(ours, setting.arena.spent(theirs, call, batch)?.cpu);
    }
    Ok(Figure::pairs(id, Unit::Seconds, &pairs))
}

/// komod's instructions of a call, beside upstream's. It runs outside of the
/// arena, where callgrind is: paths are put before.
fn counted(setting: &Setting<'_>, id: &'static str, call: &Call) -> Result<Figure, Stop> {
    let arena = &setting.arena;
    let callgrind = Callgrind::new(arena.outside("profile"))?;
    let words = callgrind.words();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(arena.tool(call.tool)).env_clear();
    for word in &call.words {
        match word.starts_with('/') {
            true => command.arg(arena.outside(word)),
            false => command.arg(word),
        };
    }
    programs::text(&mut command)?;
    Ok(setting.upstream(id, callgrind.count()? as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_one_that_the_alias_answers_to() {
        let aliases = "# x\nalias pci:v01d02sv*sd* a\nalias pci:v03d04sv*sd* b\n\
                       alias pci:v05d06sv*sd[1-2] c\nalias acpi*:PNP0C0F:* d\nalias of:N*T*Cx e\n";
        assert_eq!(device(aliases, "pci:").unwrap(), "pci:v03d04sv0sd0");
        assert_eq!(device(aliases, "acpi").unwrap(), "acpi:PNP0C0F:0");
        assert_eq!(device(aliases, "of:").unwrap(), "of:N0T0Cx");
        assert_eq!(device(aliases, "usb:"), None);
    }
}
