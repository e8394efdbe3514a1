//! The part `shells`: what bash, zsh and fish themselves propose, with the
//! completions installed as their packages would have them.
//!
//! In: the scripts of `completions`, a made tree, a made list of loaded
//! modules. Bash and zsh run on a terminal, get keys and say what their line
//! has become; fish has a command that answers as its line would.

mod asking;
mod world;

use std::collections::BTreeSet;

use crate::completions::{self, Operands};
use crate::install::{self, Need};
use crate::outcome::{Stop, Tally};
use crate::programs;
use asking::{Shell, Terminal, ask_fish};
use world::World;

/// Without these no shell can be asked.
const MACHINERY: &[Need] = &[
    Need { program: "script", package: "bsdutils" },
    Need { program: "unshare", package: "util-linux" },
];
const BASH_COMPLETION: Need =
    Need { program: "/usr/share/bash-completion/bash_completion", package: "bash-completion" };
const SHELLS: &[Need] = &[
    Need { program: "bash", package: "bash" },
    BASH_COMPLETION,
    Need { program: "zsh", package: "zsh" },
    Need { program: "fish", package: "fish" },
];

/// A line as it is typed, and what has to be proposed for its last word: that
/// and nothing else.
const PROPOSED: &[(&str, &[&str])] = &[
    // Installed modules, of the tree and version typed in any spelling.
    ("modprobe -d . -S 6.1.0-made r", &["radio", "radio_tuner"]),
    ("modprobe --dirname=. --set-version=6.1.0-made r", &["radio", "radio_tuner"]),
    ("modprobe --dirname . --set-version 6.1.0-made radio-t", &["radio-tuner"]),
    ("modprobe -qd . -S6.1.0-made bu", &["bus"]),
    (r"modprobe -d lib/a\ blank -S 6.1.0-made bu", &["bus"]),
    ("modprobe -d . o", &["of_the_running_kernel"]),
    ("modprobe -d . -S 6.1.0-made -a radio b", &["bus"]),
    ("kmod modprobe -d . -S 6.1.0-made b", &["bus"]),
    ("kmod -V modprobe -d . -S 6.1.0-made b", &["bus"]),
    ("modprobe ./", &["./x.ko", "./y.ko.xz", "./in/", "./lib/", "./proc/"]),
    // Loaded modules.
    ("modprobe -r ", &["bus", "loaded_alone", "radio_tuner"]),
    ("modprobe -r bus lo", &["loaded_alone"]),
    ("modprobe -qr radio-", &["radio-tuner"]),
    ("modprobe --remove-holders b", &["bus"]),
    ("rmmod ", &["bus", "loaded_alone", "radio_tuner"]),
    ("rmmod bus r", &["radio_tuner"]),
    ("kmod rmmod l", &["loaded_alone"]),
    // Modules by name or file.
    ("modinfo -b . -k 6.1.0-made rad", &["radio", "radio_tuner"]),
    ("modinfo -b . -k 6.1.0-made i", &["in_the_kernel", "in/"]),
    ("modinfo ./", &["./x.ko", "./y.ko.xz", "./in/", "./lib/", "./proc/"]),
    ("modinfo in/", &["in/z.ko"]),
    ("insmod ", &["x.ko", "y.ko.xz", "in/", "lib/", "proc/"]),
    ("insmod -f ./x", &["./x.ko"]),
    // Parameters.
    ("modprobe -d . -S 6.1.0-made radio ", &["debug=", "station=", "stereo="]),
    ("modprobe -d . -S 6.1.0-made radio debug=1 ste", &["stereo="]),
    ("modprobe -d . -S 6.1.0-made -v radio st", &["station=", "stereo="]),
    ("kmod modprobe -d . -S 6.1.0-made radio de", &["debug="]),
    ("insmod ./x.ko ", &["debug=", "station=", "stereo="]),
    ("insmod ./y.ko.xz sta", &["station="]),
    ("kmod insmod x.ko d", &["debug="]),
    // Values.
    ("modprobe -d . -S ", &["6.1.0-made", "6.6.0-many", "RUNNING"]),
    ("modprobe -d . --set-version=6", &["6.1.0-made", "6.6.0-many", "RUNNING6"]),
    ("modinfo -b . -k 6.1.", &["6.1.0-made", "RUNNING6.1."]),
    ("depmod -b . 6.6.0-m", &["6.6.0-many"]),
    ("modinfo -F sig_", &["sig_hashalgo", "sig_id", "sig_key"]),
    ("modinfo --field=ali", &["alias"]),
    ("kmod static-nodes -f ", &["human", "tmpfiles", "devname"]),
    ("kmod static-nodes --format=d", &["devname"]),
    ("depmod -C no", &["notes"]),
    ("modprobe --config=no", &["notes"]),
    ("modprobe -d l", &["lib/"]),
    ("modprobe --dirname=i", &["in/"]),
    // Commands, and where there is nothing.
    ("kmod l", &["list", "lsmod"]),
    ("kmod h", &["help"]),
    ("true && modprobe -d . -S 6.1.0-made bu", &["bus"]),
    ("lsmod ", &[]),
    ("kmod list ", &[]),
    ("modprobe --first", &["--first-time"]),
    ("kmod depmod --sy", &["--symvers", "--symbol-prefix"]),
];

/// The same where something is there that completes behind `sudo`: everywhere
/// but in bash alone.
const BEHIND_SUDO: &[(&str, &[&str])] = &[
    ("sudo modprobe -d . --set-version=6.1.0-made bu", &["bus"]),
    ("sudo -n insmod ./x.ko sta", &["station="]),
];

/// What the line becomes when Tab is pressed.
const TAB: &[(&str, &str)] = &[
    ("rmmod lo", "rmmod loaded_alone "),
    ("insmod ./x.ko sta", "insmod ./x.ko station="),
    ("modprobe -d . -S 6.1.0-made radio ste", "modprobe -d . -S 6.1.0-made radio stereo="),
    ("insmod i", "insmod in/"),
    ("modinfo in", "modinfo in/"),
    ("modprobe -d . --set-version=6.1.0-m", "modprobe -d . --set-version=6.1.0-made "),
    ("true; rmmod b", "true; rmmod bus "),
];

/// The names of the version `6.6.0-many`; more than any distribution's kernel.
const MANY: usize = 5000;

/// Every shell on every line. One that is not there makes the part one that did
/// not run, named, after all others.
pub fn part() -> Result<Tally, Stop> {
    MACHINERY.iter().try_for_each(|need| install::ensure(*need))?;
    let mut missing = Vec::new();
    for need in SHELLS {
        match install::ensure(*need) {
            Err(Stop::NotHere(why)) => missing.push(why),
            other => other?,
        }
    }
    let there = |program: &str| programs::find(program).is_some();
    let world = World::make(MANY)?;
    let mut tally = Tally::default();
    let terminals = [Shell::Bash, Shell::BashWithPackage, Shell::Zsh].into_iter().filter(|shell| {
        there(shell.program())
            && (*shell != Shell::BashWithPackage || there(BASH_COMPLETION.program))
    });
    for shell in terminals {
        let mut terminal = Terminal::start(shell, &world)?;
        tally.add(judge(&format!("{shell:?}"), &world, |line| terminal.all(line))?);
        for (line, wanted) in TAB {
            let became = terminal.tab(line)?;
            tally.count(became == *wanted);
            if became != *wanted {
                println!("FAIL {shell:?}: {line:?} Tab becomes {became:?}, not {wanted:?}");
            }
        }
    }
    if there("fish") {
        tally.add(judge("Fish", &world, |line| ask_fish(&world, line))?);
    }
    if tally.failed == 0 && !missing.is_empty() {
        return Err(Stop::NotHere(missing.join("; ")));
    }
    Ok(tally)
}

/// Holds one shell to [`PROPOSED`], to the options of all tools, and to a time.
fn judge(
    shell: &str,
    world: &World,
    mut ask: impl FnMut(&str) -> Result<Vec<String>, Stop>,
) -> Result<Tally, Stop> {
    let mut tally = Tally::default();
    let mut hold = |line: &str, got: Vec<String>, wanted: Vec<String>| {
        let [got, wanted] = [got, wanted].map(plain);
        tally.count(got == wanted);
        if got != wanted {
            println!("FAIL {shell}: {line:?} proposes {got:?}, not {wanted:?}");
        }
    };
    let sudo = if shell == "Bash" { &[] } else { BEHIND_SUDO };
    for (line, wanted) in PROPOSED.iter().chain(sudo) {
        let got = ask(line)?;
        hold(line, got, wanted.iter().filter_map(|w| world.word(w)).collect());
    }
    for tool in completions::tools()? {
        let wanted: Vec<_> = tool.options.iter().flat_map(completions::Opt::spellings).collect();
        let own = tool.program.then(|| format!("{} -", tool.name));
        let command = (tool.operands != Operands::Command).then(|| format!("kmod {} -", tool.name));
        for line in own.into_iter().chain(command) {
            hold(&line, ask(&line)?, wanted.clone());
        }
    }
    let start = std::time::Instant::now();
    let many = ask("modprobe -d . -S 6.6.0-many m")?.len();
    let took = start.elapsed();
    println!("{shell}: {many} names in {:.2} s", took.as_secs_f64());
    tally.count(many == MANY && took.as_secs() < 5);
    Ok(tally)
}

/// Words without what shells put in each its own way: the `/` of a directory
/// and the `=` of a parameter now or when one is chosen, `-` in a name as typed
/// or as `_`.
fn plain(words: Vec<String>) -> BTreeSet<String> {
    let ends = |word: String| word.trim_end_matches(['/', '=']).to_owned();
    words.into_iter().map(|word| ends(word).replace('-', "_")).collect()
}
