//! Damaged files, read with a measure in hand.
//!
//! In go small files of every kind that the tools read, made by the fixtures and by
//! depmod itself. Each is cut at every length, and each of its bytes is set to some ten
//! other values; each time everything that reads such a file is asked. Out comes a table
//! on standard output; the status is 0 when every question was answered without a panic,
//! within a second of processor time and 64 MiB over the file's own size.
//!
//! `komod-damage` asks the crates within this process, where the heap is counted byte by
//! byte. `komod-damage KMOD` runs the program KMOD on a sample of the same files, under
//! limits of address space and processor time. It knows nothing of what the right answer
//! to a damaged file is.
#![allow(clippy::restriction)]

mod ask;
mod change;
mod golden;
mod limits;
mod memory;
mod meter;
mod programs;
mod record;
mod scratch;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let record = match words.as_slice() {
        [] => within(),
        [word, words @ ..] if word == limits::BETWEEN => return limits::between(words),
        [kmod] => programs::sample(Path::new(kmod)),
        _ => {
            eprintln!("usage: komod-damage [KMOD]");
            return ExitCode::FAILURE;
        }
    };
    print!("{}", record.table());
    if record.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every change of every file, asked within this process.
fn within() -> record::Record {
    meter::watch();
    let scratch = scratch::Scratch::new();
    let mut record = record::Record::default();
    for golden in golden::all(&scratch) {
        for change in change::all(&golden.bytes) {
            let bytes = change.of(&golden.bytes);
            let what = || format!("{} {change}", golden.name);
            let cost = meter::measure(&what, || ask::everything(golden.kind, &bytes, &scratch));
            record.add(&golden, &what, &cost);
        }
    }
    record
}
