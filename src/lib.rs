//! The tools: words in, text out.
//!
//! In go argv and the environment; out come text and an exit status. Knows no
//! file format and makes no system call of its own: that is the crates' work.
#![cfg_attr(test, allow(clippy::restriction))]

pub mod cli;
#[cfg(any(test, all(target_env = "musl", not(debug_assertions))))]
mod heap;
pub mod host;
#[cfg(all(target_arch = "x86_64", any(test, all(target_env = "musl", not(debug_assertions)))))]
mod memory;
mod output;
pub mod report;
mod terminal;
pub mod tools;
#[cfg(all(target_env = "musl", not(any(test, debug_assertions))))]
mod unwind;

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;

use komod_kernel::Live;

pub use komod_file::{errno_text, io_text};

use crate::host::{Environment, Host, Outcome};
use crate::report::Report;

/// Runs the tool that `argv[0]` names (`kmod` goes by the next word) on the
/// machine itself and returns the exit status.
///
/// `stderr_closed`: whether the caller left descriptor 2 closed, as the kernel
/// does; modprobe then speaks to syslog.
pub fn run(argv: Vec<OsString>, stderr_closed: bool) -> u8 {
    let (stdout, failure) = output::standard();
    // Nothing is taken apart when the process ends anyway.
    let mut stdout = ManuallyDrop::new(stdout);
    let mut argv = argv.into_iter();
    let program = argv.next().unwrap_or_else(|| "kmod".into());
    let name = base_name(&program);
    let Some(tool) = tools::by_program_name(&name) else {
        return 1;
    };
    let kernel = Live::default();
    let mut host = ManuallyDrop::new(Host {
        kernel: &kernel,
        stdout: &mut *stdout,
        report: Report::new(&name, Box::new(terminal::StandardError)),
        stderr_closed,
        environment: Environment::of_process(&name),
        program,
    });
    let outcome = (tool.run)(&mut host, argv.collect());
    let flushed = host.stdout.flush();
    let written = flushed.and(failure.take().map_or(Ok(()), Err));
    match outcome.and_then(|outcome| written.map(|()| outcome)) {
        Ok(outcome) => outcome.code(),
        Err(error) => {
            host.report.error(format_args!("could not write standard output: {}", io_text(&error)));
            Outcome::Failure.code()
        }
    }
}

fn base_name(program: &OsString) -> String {
    let base = program.as_bytes().rsplit(|&b| b == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(base).into_owned()
}
