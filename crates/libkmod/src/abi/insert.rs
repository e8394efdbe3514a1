//! Loading and removing.

use std::ffi::{CStr, c_int, c_uint, c_void};
use std::rc::Rc;

use komod_probe::Force;

use super::handle::{Held, Text};
use super::{INVALID, NOTHING, guard, status};
use crate::insert::Probed;
use crate::{Module, Probe, Steps};

const FORCE_VERMAGIC: c_uint = 1;
const FORCE_MODVERSION: c_uint = 2;
const APPLY_BLACKLIST_ALL: c_uint = 0x10000;
const APPLY_BLACKLIST: c_uint = 0x20000;
const APPLY_BLACKLIST_ALIAS_ONLY: c_uint = 0x40000;

fn force(flags: c_uint) -> Force {
    Force { modversions: flags & FORCE_MODVERSION != 0, vermagic: flags & FORCE_VERMAGIC != 0 }
}

type RunInstall = extern "C" fn(Held<Module>, Text, *const c_void) -> c_int;
type PrintAction = extern "C" fn(Held<Module>, bool, Text);

/// The caller's functions.
struct Foreign {
    run: Option<RunInstall>,
    data: *const c_void,
    print: Option<PrintAction>,
}

impl Steps for Foreign {
    fn run(&self, module: &Rc<Module>, command: &CStr) -> Option<i32> {
        Some(self.run?(Held::lent(module), Text::of(Some(command)), self.data))
    }

    fn hear(&self, module: &Rc<Module>, install: bool, options: &CStr) {
        if let Some(print) = self.print {
            print(Held::lent(module), install, Text::of(Some(options)));
        }
    }
}

c_functions! {
    fn kmod_module_insert_module(
        module: Held<Module>,
        flags: c_uint,
        options: Text,
    ) -> c_int {
        guard(INVALID, || match module.get() {
            Some(module) => status(module.insert(force(flags), options.bytes().unwrap_or_default())),
            None => NOTHING,
        })
    }

    fn kmod_module_probe_insert_module(
        module: Held<Module>,
        flags: c_uint,
        options: Text,
        run: Option<RunInstall>,
        data: *const c_void,
        print: Option<PrintAction>,
    ) -> c_int {
        guard(INVALID, || {
            let Some(module) = module.share() else { return NOTHING };
            let has = |flag| flags & flag != 0;
            let how = Probe {
                force: force(flags),
                ignore_command: has(0x4),
                ignore_loaded: has(0x8),
                dry_run: has(0x10),
                fail_on_loaded: has(0x20),
                blacklist_all: has(APPLY_BLACKLIST_ALL),
                blacklist: has(APPLY_BLACKLIST),
                blacklist_alias: has(APPLY_BLACKLIST_ALIAS_ONLY),
            };
            let options = options.bytes().unwrap_or_default();
            let held_back = match module.probe(how, options, &Foreign { run, data, print }) {
                Ok(Probed::Done) => 0,
                Ok(Probed::HeldBackAll) => APPLY_BLACKLIST_ALL,
                Ok(Probed::HeldBack) => APPLY_BLACKLIST,
                Ok(Probed::HeldBackAlias) => APPLY_BLACKLIST_ALIAS_ONLY,
                Err(errno) => return errno.wrapping_neg(),
            };
            c_int::try_from(held_back).unwrap_or(INVALID)
        })
    }

    fn kmod_module_remove_module(module: Held<Module>, flags: c_uint) -> c_int {
        const NOLOG: c_uint = 1;
        const FORCE: c_uint = 0o1000;
        guard(INVALID, || match module.get() {
            Some(module) => status(module.remove(flags & FORCE != 0, flags & NOLOG != 0)),
            None => NOTHING,
        })
    }
}
