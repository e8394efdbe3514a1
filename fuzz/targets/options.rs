//! `MODPROBE_OPTIONS`, through modprobe itself as far as its words go.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use komod::host::{Environment, Host, Outcome};
use komod::report::Report;
use komod_kernel::Recorder;

use crate::{Limits, Target, seeds};

pub const MODPROBE_OPTIONS: Target = Target {
    name: "modprobe-options",
    reads: "MODPROBE_OPTIONS, split and read as options",
    run: modprobe_options,
    seeds: seeds::options,
    longest: 4096,
    words: &[b"-C '", b"--config=", b"-q ", b"-vv ", b"--show-", b"--dirname ", b"\\ ", b"\" "],
    limits: Limits::PROMISED,
};

/// Two words behind it end the run: the first may be taken for an option's value.
const LAST: &str = "--version";

fn modprobe_options(input: &[u8]) {
    if ends_options(input) || input.contains(&0) {
        return;
    }
    let tool = komod::tools::by_program_name("modprobe").expect("a tool of that name");
    let kernel = Recorder::new("0.0.0-none");
    let mut stdout = Vec::new();
    let mut stderr = io::sink();
    let mut host = Host {
        kernel: &kernel,
        stdout: &mut stdout,
        report: Report::new("modprobe", Box::new(&mut stderr)),
        stderr_closed: false,
        environment: Environment {
            modprobe_options: Some(OsString::from_vec(input.to_vec())),
            ..Environment::default()
        },
        program: "modprobe".into(),
    };
    let outcome = (tool.run)(&mut host, vec![LAST.into(), LAST.into()]);
    drop(host);
    let outcome = outcome.expect("memory takes everything");
    assert!(kernel.calls().is_empty(), "options alone called the kernel");
    match outcome {
        Outcome::Success => assert!(!stdout.is_empty(), "neither version nor help"),
        Outcome::Failure => assert!(stdout.is_empty(), "a failure that prints"),
        Outcome::Undecided => panic!("modprobe always knows"),
    }
}

/// Whether a word may be `--`, behind which the last words would be modules.
fn ends_options(input: &[u8]) -> bool {
    let quotes = |byte: &&u8| !matches!(byte, b'\'' | b'"' | b'\\');
    let plain: Vec<u8> = input.iter().filter(quotes).copied().collect();
    plain.split(u8::is_ascii_whitespace).any(|word| word == b"--")
}
