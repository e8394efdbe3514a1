//! Compiles the one C file.

use std::io::Write;

fn main() {
    let file = "src/abi/log.c";
    cc::Build::new().file(file).warnings_into_errors(true).compile("komod_log");
    // Without cargo to listen there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "cargo::rerun-if-changed={file}");
}
