//! Compiles the one C file.

use std::io::Write;

fn main() {
    let file = "src/abi/log.c";
    cc::Build::new().file(file).warnings_into_errors(true).compile("komod_log");
    writeln!(std::io::stdout(), "cargo::rerun-if-changed={file}").expect("cargo listens");
}
