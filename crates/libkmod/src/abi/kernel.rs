//! What the running kernel says of a module.

use std::ffi::{c_int, c_long, c_uint, c_ulong};

use komod_kernel::Errno;

use super::handle::{Entry, Held, Text};
use super::{INVALID, NOTHING, guard, negative};
use crate::{Item, Module};

/// A number that fits, or `-errno`.
fn number<N: TryFrom<i64> + From<i16>>(asked: Option<Result<i64, Errno>>) -> N {
    let number = match asked {
        None => i64::from(NOTHING),
        Some(Ok(number)) => number,
        Some(Err(errno)) => i64::from(negative(errno)),
    };
    // INVALID fits into every type of C that is asked for.
    N::try_from(number).unwrap_or_else(|_| N::from(-22))
}

c_functions! {
    fn kmod_module_initstate_str(state: c_uint) -> Text {
        Text::of(match state {
            0 => Some(c"builtin"),
            1 => Some(c"live"),
            2 => Some(c"coming"),
            3 => Some(c"going"),
            _ => None,
        })
    }

    fn kmod_module_get_initstate(module: Held<Module>) -> c_int {
        guard(INVALID, || number(module.get().map(|module| module.state().map(|state| state as i64))))
    }

    fn kmod_module_get_refcnt(module: Held<Module>) -> c_int {
        guard(INVALID, || number(module.get().map(Module::refcnt)))
    }

    fn kmod_module_get_size(module: Held<Module>) -> c_long {
        let size = |module: &Module| {
            module.size().and_then(|size| i64::try_from(size).map_err(|_| Errno::EINVAL))
        };
        guard(INVALID.into(), || number(module.get().map(size)))
    }

    fn kmod_module_get_holders(module: Held<Module>) -> Entry {
        guard(Entry::NULL, || module.get().map_or(Entry::NULL, |module| Entry::list(module.holders())))
    }

    fn kmod_module_get_sections(module: Held<Module>) -> Entry {
        guard(Entry::NULL, || module.get().map_or(Entry::NULL, |module| Entry::list(module.sections())))
    }

    fn kmod_module_section_get_name(entry: Entry) -> Text {
        match entry.item() {
            Some(Item::Section { name, .. }) => Text::of(Some(name)),
            _ => Text::NULL,
        }
    }

    fn kmod_module_section_get_address(entry: Entry) -> c_ulong {
        match entry.item() {
            Some(Item::Section { address, .. }) => c_ulong::try_from(*address).unwrap_or(c_ulong::MAX),
            _ => c_ulong::MAX,
        }
    }

    fn kmod_module_section_free_list(list: Entry) {
        guard((), || list.end());
    }
}
