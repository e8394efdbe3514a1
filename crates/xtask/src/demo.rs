//! `cargo xtask demo`: komod at work, first on a small tree of modules, then
//! as the only module tools under Debian's kernel.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use komod_fixtures::{ModuleSpec, Tree};

use crate::binary;
use crate::fetch::Debian13;
use crate::guest::{Guest, NAMES, Tools};
use crate::outcome::Stop;
use crate::qemu::{Event, Hardware, Machine};
use crate::vm;
use crate::workspace::workspace;

/// The kernel version of the small tree.
const RELEASE: &str = "6.1.0-demo";

/// Both halves. True if all went well; what this machine lacks for the second
/// half is said and is no failure.
pub fn run(_: &[String]) -> Result<bool, Stop> {
    let program = binary::release()?;
    let dir = vm::scratch()?;
    let ended = small_tree(&program, &dir).and_then(|well| Ok(real_kernel(program, &dir)? && well));
    std::fs::remove_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    ended
}

/// The first half: a tree of the demo's own, nothing is loaded.
fn small_tree(program: &Path, dir: &Path) -> Result<bool, Stop> {
    println!("== A small tree of modules: radio needs tuner, tuner needs bus\n");
    tree().write(dir).map_err(Stop::io(dir.display()))?;
    let bin = dir.join("bin");
    std::fs::create_dir(&bin).map_err(Stop::io(bin.display()))?;
    for name in NAMES {
        symlink(program, bin.join(name)).map_err(Stop::io(bin.display()))?;
    }
    let mut well = true;
    for line in [
        "depmod -b . 6.1.0-demo",
        "cat lib/modules/6.1.0-demo/modules.dep",
        "modinfo lib/modules/6.1.0-demo/kernel/radio.ko.xz",
        "modinfo -p lib/modules/6.1.0-demo/kernel/radio.ko.xz",
        "modprobe -d . -S 6.1.0-demo -C radio.conf --show-depends radio",
        "modprobe -d . -S 6.1.0-demo -C radio.conf -n -v pci:v00001234d00000001 debug=1",
        "modprobe -d . -S 6.1.0-demo --resolve-alias pci:v00001234d00000001",
    ] {
        println!("$ {line}");
        // What was printed has to stand before what the command prints.
        std::io::stdout().flush().map_err(Stop::io("standard output"))?;
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(dir).env("PATH", path);
        command.env_remove("MODPROBE_OPTIONS");
        let status = command.status().map_err(Stop::io("sh"))?;
        if !status.success() {
            println!("({status})");
            well = false;
        }
        println!();
    }
    Ok(well)
}

/// The modules of the first half, each packed another way.
fn tree() -> Tree {
    let bus = ModuleSpec::new("bus").modinfo("license", "GPL").export("bus_register", 0x1a2b_3c4d);
    let tuner = ModuleSpec::new("tuner")
        .modinfo("license", "GPL")
        .needs("bus_register")
        .export("tuner_attach", 0x0bad_cafe);
    let radio = ModuleSpec::new("radio")
        .modinfo("license", "GPL")
        .modinfo("description", "A radio of the demo")
        .modinfo("alias", "pci:v00001234d*")
        .modinfo("parmtype", "debug:int")
        .modinfo("parm", "debug:How much to say")
        .modinfo("parmtype", "station:charp")
        .modinfo("parm", "station:What to play first")
        .needs("tuner_attach");
    Tree::new(RELEASE)
        .module("kernel/bus.ko.gz", &bus)
        .module("kernel/tuner.ko.zst", &tuner)
        .module("kernel/radio.ko.xz", &radio)
        .file("radio.conf", "options radio station=\"Radio One\"\n")
}

/// The second half: Debian's kernel in a virtual machine.
fn real_kernel(program: std::path::PathBuf, dir: &Path) -> Result<bool, Stop> {
    println!("== Debian 13's kernel, komod as its only module tools\n");
    let ended = Debian13::fetch().and_then(|debian| boot(&debian, program, dir));
    if let Err(Stop::NotHere(why)) = ended {
        println!("This half was left out: {why}");
        return Ok(true);
    }
    ended
}

fn boot(debian: &Debian13, program: std::path::PathBuf, dir: &Path) -> Result<bool, Stop> {
    let scripts = workspace().join("tests/vm");
    let mut guest = Guest::new(debian)?;
    guest.tools(&Tools::Komod(program))?;
    guest.modules(vm::MODULES)?;
    guest.copy(&scripts.join("init"), "init", 0o755)?;
    guest.copy(&scripts.join("names"), "scenarios/names", 0o644)?;
    guest.write("run-instead", 0o755, include_str!("demo.sh"));
    let (initramfs, log) = (dir.join("initramfs"), dir.join("log"));
    guest.finish(&initramfs)?;
    let machine = Machine {
        kernel: &debian.kernel_image,
        initramfs: &initramfs,
        append: "",
        log: &log,
        disks: &[],
        hardware: Hardware::PLAIN,
    };
    println!("booting Linux {} in software emulation", debian.release);
    let terminal = std::io::stdout().is_terminal();
    let mut done = false;
    machine.boot(|event| match event {
        Event::Line("@@ done") => done = true,
        Event::Line(line) if line.starts_with("@@ ") => {}
        Event::Line(line) => println!("{}{line}", if terminal { "\r" } else { "" }),
        Event::Silent(seconds) if terminal => {
            print!("\r  ... {} s\r", seconds);
            // A progress line that cannot be shown is no loss.
            let _ = std::io::stdout().flush();
        }
        Event::Silent(_) => {}
    })?;
    println!();
    if !done {
        println!("The machine stopped early:\n{}", machine.last_messages());
    }
    Ok(done)
}
