//! The project's own commands: `cargo xtask COMMAND`.
//!
//! In: the words of the command line, this machine's apt configuration and
//! tools. Out: progress and results as text, an exit status. Refuses to know
//! any file format of modules: it makes places where the tools run, and
//! compares what comes out.
//!
//! | file | what |
//! |---|---|
//! | `test` | the test driver: the table of parts, the summary |
//! | `compare` | modprobe and modinfo on a whole kernel, ours and the original |
//! | `cases` | the cases of `tests/cases` on komod and the originals |
//! | `fetch` | Debian's kernels and the original tools, from `packages` and `mirror` |
//! | `vm` | scenarios under a real kernel: a root by `guest` and `cpio`, a machine by `qemu` |
//! | `boot` | Debian itself under that kernel, with kmod and with komod |
//! | `causes` | modules that a kernel refuses, built for the machine's scenarios |
//! | `powercut` | a machine that loses its power while depmod works |
//! | `demo` | komod at work, to look at |
//! | `samples` | modules that kernel has reason to refuse |
//! | `trees` | depmod on whole kernels and `random` trees, komod and the original as a `pair`; `packed` makes the trees |
//! | `faults` | depmod failed, killed, and several at once, while readers look |
//! | `consumers` | programs that use the tools, in a Debian `system` |
//! | `bench` | komod's time, memory and instructions beside the original's |
//! | `instructions` | what each command costs, held to kept values; `callgrind` counts |
//! | `loaded` | a kernel with modules in it, as its files tell |
//! | `binary` | the program as it is shipped |
//! | `dist` | that program with its checksums, to be handed out; in packages by `debian` |
//! | `place` | komod's files below a root directory |
//! | `libkmod` | the library: linked, and asked by a C program |
//! | `completions` | what shells complete, from the tools' definitions |
//! | `shells` | what bash, zsh and fish then propose |
//! | `manual` | the manual pages as mandoc judges them |
//! | `fuzz` | hostile bytes for every parser, and the account of it |
//! | `supply` | what comes from outside, by the rules of `deny.toml` |
//! | `islands` | unsafe code under valgrind |
//! | `install` | programs of the system, installed or named |
//! | `ledger` | holds the README's differences to their tests |
//! | `outcome`, `programs` | how things end, how other programs are run |
#![allow(clippy::restriction)]

pub mod bench;
pub mod binary;
pub mod boot;
pub mod callgrind;
pub mod cargo_test;
pub mod cases;
pub mod causes;
pub mod compare;
pub mod completions;
pub mod consumers;
pub mod cpio;
pub mod damage;
pub mod debian;
pub mod demo;
pub mod dist;
pub mod faults;
pub mod fetch;
pub mod fuzz;
pub mod guest;
pub mod hostile;
pub mod install;
pub mod instructions;
pub mod islands;
#[cfg(test)]
mod ledger;
pub mod leftovers;
pub mod libkmod;
pub mod loaded;
pub mod manual;
pub mod mirror;
pub mod named;
pub mod outcome;
pub mod packages;
pub mod packed;
pub mod pair;
pub mod place;
pub mod powercut;
pub mod programs;
pub mod qemu;
pub mod random;
pub mod samples;
pub mod shells;
pub mod supply;
pub mod system;
pub mod test;
pub mod trees;
pub mod vm;
pub mod workspace;
