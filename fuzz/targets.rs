//! The table of targets.

mod cache;
mod config;
mod elf;
mod index;
mod lists;
mod options;
mod packed;
mod why;

use crate::{Limits, Target};

/// Every target, in the order in which they run.
pub static TARGETS: &[Target] = &[
    elf::FACTS,
    elf::SIGNATURE,
    why::WHY,
    index::READ,
    index::DIFFERENTIAL,
    config::MODPROBE_D,
    config::DEPMOD_D,
    config::COMMAND_LINE,
    options::MODPROBE_OPTIONS,
    cache::CACHE,
    lists::BUILTIN_MODINFO,
    lists::SYMVERS,
    lists::SYSTEM_MAP,
    packed::GZIP,
    packed::XZ,
    packed::ZSTD,
    packed::BY_MAGIC,
];

/// A target with something to find, for whoever wants to know whether the fuzzer sees
/// what inputs do: by chance alone nobody hits upon four bytes.
pub static TRAP: Target = Target {
    name: "trap",
    reads: "four bytes that are wrong",
    run: |input| {
        let is = |at: usize, byte: u8| input.get(at) == Some(&byte);
        // Each byte is a branch of its own.
        if is(0, 7) && is(1, b't') && is(2, b'r') && is(3, b'!') {
            panic!("found");
        }
    },
    seeds: || vec![vec![0; 4]],
    longest: 16,
    words: &[],
    limits: Limits::PROMISED,
};
