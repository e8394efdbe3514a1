//! What libFuzzer drives: one input after another to the target that
//! `KOMOD_FUZZ_TARGET` names. `cargo xtask fuzz` builds and runs it.
#![no_main]

use std::sync::OnceLock;

use komod_fuzz::Target;
use libfuzzer_sys::fuzz_target;

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("KOMOD_FUZZ_TARGET").unwrap_or_default();
        let target = Target::of_name(&name);
        let _ = CHOSEN.set(target.unwrap_or_else(|| panic!("KOMOD_FUZZ_TARGET={name}: no target")));
    },
    |input: &[u8]| {
        if let Some(target) = CHOSEN.get() {
            target.try_input(input);
        }
    }
);
