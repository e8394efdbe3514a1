//! What a context knows of a module.

use std::ffi::{CStr, c_int, c_uint};
use std::rc::Rc;

use super::handle::{Entry, Held, Slot, Text};
use super::{INVALID, NOTHING, guard};
use crate::{Context, Filter, Item, Module};

fn text_of(module: &Held<Module>, ask: impl FnOnce(&Module) -> Option<&CStr>) -> Text {
    guard(Text::NULL, || Text::of(module.get().and_then(ask)))
}

fn filtered(ctx: &Held<Context>, filter: Filter, input: Entry, output: Slot<Entry>) -> c_int {
    guard(INVALID, || {
        if ctx.get().is_none() || !output.is_there() {
            return NOTHING;
        }
        let passing = input.all().into_iter().filter_map(|entry| match entry.item() {
            Some(Item::Module(module)) if module.passes(filter) => {
                Some(Item::Module(Rc::clone(module)))
            }
            _ => None,
        });
        output.put(Entry::list(passing.collect()));
        0
    })
}

c_functions! {
    fn kmod_module_get_name(module: Held<Module>) -> Text {
        Text::of(module.get().map(Module::name))
    }

    fn kmod_module_get_path(module: Held<Module>) -> Text {
        text_of(&module, Module::path)
    }

    fn kmod_module_get_options(module: Held<Module>) -> Text {
        text_of(&module, Module::options)
    }

    fn kmod_module_get_install_commands(module: Held<Module>) -> Text {
        text_of(&module, Module::install_command)
    }

    fn kmod_module_get_remove_commands(module: Held<Module>) -> Text {
        text_of(&module, Module::remove_command)
    }

    fn kmod_module_get_dependencies(module: Held<Module>) -> Entry {
        guard(Entry::NULL, || {
            module.get().map_or(Entry::NULL, |module| Entry::list(module.dependencies()))
        })
    }

    fn kmod_module_get_softdeps(
        module: Held<Module>,
        pre: Slot<Entry>,
        post: Slot<Entry>,
    ) -> c_int {
        guard(INVALID, || match (module.get(), pre.is_empty(), post.is_empty()) {
            (Some(module), Some(true), Some(true)) => {
                let (before, after) = module.soft_dependencies();
                pre.put(Entry::list(before));
                post.put(Entry::list(after));
                0
            }
            (Some(_), Some(_), Some(_)) => INVALID,
            _ => NOTHING,
        })
    }

    fn kmod_module_get_weakdeps(module: Held<Module>, weak: Slot<Entry>) -> c_int {
        guard(INVALID, || match (module.get(), weak.is_empty()) {
            (Some(module), Some(true)) => {
                weak.put(Entry::list(module.weak_dependencies()));
                0
            }
            (Some(_), Some(false)) => INVALID,
            _ => NOTHING,
        })
    }

    fn kmod_module_apply_filter(
        ctx: Held<Context>,
        filter: c_uint,
        input: Entry,
        output: Slot<Entry>,
    ) -> c_int {
        let filter = Filter { blacklist: filter & 1 != 0, builtin: filter & 2 != 0 };
        filtered(&ctx, filter, input, output)
    }

    fn kmod_module_get_filtered_blacklist(
        ctx: Held<Context>,
        input: Entry,
        output: Slot<Entry>,
    ) -> c_int {
        filtered(&ctx, Filter { blacklist: true, builtin: false }, input, output)
    }
}
