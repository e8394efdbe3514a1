//! The edge of the process: words in, exit status out.
#![allow(clippy::restriction)]

use std::process::ExitCode;

use xtask::fetch::{Debian12, Debian13};
use xtask::outcome::Stop;

/// A command: takes the words after its name, returns whether all is well.
type Run = fn(&[String]) -> Result<bool, Stop>;

/// Name, one line, function.
const COMMANDS: &[(&str, &str, Run)] = &[
    ("demo", "see komod work, on a small tree and under a real kernel", xtask::demo::run),
    ("test", "run the tests: [PART...] [--without PART]", xtask::test::run),
    (
        "case",
        "run some cases: ours|shipped|34.2|30|libkmod|libkmod-34.2 [FILTER]; UPDATE=1 rewrites them",
        xtask::cases::some,
    ),
    (
        "vm",
        "run scenarios under a real kernel: [--original] [SCENARIO...], powercut [--rounds N], or Debian itself: debian13 [STAGE... | --coldplug]",
        xtask::vm::run,
    ),
    ("libkmod", "build libkmod.so.2", xtask::libkmod::run),
    ("completions", "write what shells complete the tools with: DIR", xtask::completions::run),
    ("bench", "measure komod beside the original: [GROUP...], --help", xtask::bench::run),
    (
        "dist",
        "build the static program and Debian packages, with checksums: [DIR]",
        xtask::dist::run,
    ),
    (
        "install",
        "put komod's files below a directory: --root DIR [--without-library]",
        xtask::place::run,
    ),
    (
        "fuzz",
        "try hostile bytes on every parser: [TARGET...] [--seconds N]; --help",
        xtask::fuzz::run,
    ),
    ("fetch", "download Debian's kernels and the original kmod into the cache", fetch),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = words.first().map(String::as_str);
    let Some((name, _, run)) = COMMANDS.iter().find(|c| Some(c.0) == wanted) else {
        println!("usage: cargo xtask COMMAND [ARGS...]\n");
        for (name, line, _) in COMMANDS {
            println!("  {name:<13}{line}");
        }
        return ExitCode::from(u8::from(wanted.is_some_and(|w| w != "--help")));
    };
    match run(words.get(1..).unwrap_or_default()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(stop) => {
            eprintln!("xtask {name}: {stop}");
            ExitCode::FAILURE
        }
    }
}

/// `cargo xtask fetch`: what lies where.
fn fetch(_: &[String]) -> Result<bool, Stop> {
    let trixie = Debian13::fetch()?;
    println!("Debian 13, Linux {}: {}", trixie.release, trixie.modules_dir.display());
    let bookworm = Debian12::fetch()?;
    println!("Debian 12, Linux {}: {}", bookworm.release, bookworm.modules_dir.display());
    Ok(true)
}
