//! From names, paths and aliases to modules.

use std::ffi::c_int;
use std::rc::Rc;

use komod_kernel::Errno;

use super::handle::{Entry, Held, Slot, Text};
use super::{INVALID, NOTHING, guard, negative};
use crate::{Context, Item, Module};

/// Puts the module that `find` makes of a text into C's place.
fn one(
    ctx: &Held<Context>,
    text: Text,
    slot: Slot<Held<Module>>,
    find: impl FnOnce(&Rc<Context>, &[u8]) -> Result<Option<Rc<Module>>, Errno>,
) -> c_int {
    guard(INVALID, || match (ctx.share(), text.bytes()) {
        (Some(ctx), Some(text)) if slot.is_there() => match find(&ctx, text) {
            Ok(module) => {
                slot.put(module.map_or(Held::NULL, Held::of));
                0
            }
            Err(errno) => negative(errno),
        },
        _ => NOTHING,
    })
}

/// Puts the list that `find` makes into C's place.
fn several(slot: Slot<Entry>, find: impl FnOnce() -> Option<Result<Vec<Item>, Errno>>) -> c_int {
    const OCCUPIED: c_int = negative(Errno::ENOSYS);
    guard(INVALID, || match slot.is_empty() {
        None => NOTHING,
        Some(empty) => match find() {
            None => NOTHING,
            Some(_) if !empty => OCCUPIED,
            Some(Ok(items)) => {
                slot.put(Entry::list(items));
                0
            }
            Some(Err(errno)) => negative(errno),
        },
    })
}

c_functions! {
    fn kmod_module_new_from_name(
        ctx: Held<Context>,
        name: Text,
        module: Slot<Held<Module>>,
    ) -> c_int {
        one(&ctx, name, module, |ctx, name| Ok(Some(ctx.module_by_name(name))))
    }

    fn kmod_module_new_from_path(
        ctx: Held<Context>,
        path: Text,
        module: Slot<Held<Module>>,
    ) -> c_int {
        one(&ctx, path, module, |ctx, path| ctx.module_by_path(path).map(Some))
    }

    fn kmod_module_new_from_name_lookup(
        ctx: Held<Context>,
        name: Text,
        module: Slot<Held<Module>>,
    ) -> c_int {
        one(&ctx, name, module, |ctx, name| Ok(ctx.lookup_name(name)))
    }

    fn kmod_module_new_from_lookup(
        ctx: Held<Context>,
        alias: Text,
        list: Slot<Entry>,
    ) -> c_int {
        several(list, || Some(ctx.share()?.lookup(alias.bytes()?)))
    }

    fn kmod_module_new_from_loaded(ctx: Held<Context>, list: Slot<Entry>) -> c_int {
        several(list, || Some(ctx.share()?.loaded()))
    }

    fn kmod_module_ref(module: Held<Module>) -> Held<Module> {
        module.again()
    }

    fn kmod_module_unref(module: Held<Module>) -> Held<Module> {
        guard(Held::NULL, || module.release())
    }

    fn kmod_module_unref_list(list: Entry) -> c_int {
        guard(INVALID, || {
            list.end();
            0
        })
    }

    fn kmod_module_get_module(entry: Entry) -> Held<Module> {
        match entry.item() {
            Some(Item::Module(module)) => Held::of(Rc::clone(module)),
            _ => Held::NULL,
        }
    }
}
