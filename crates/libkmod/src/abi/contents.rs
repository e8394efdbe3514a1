//! What a module's file says.

use std::ffi::c_int;

use komod_kernel::Errno;

use super::handle::{Entry, Held, Slot, Text};
use super::{INVALID, NOTHING, counted, guard};
use crate::{Item, Module};

fn list_of(
    module: &Held<Module>,
    list: Slot<Entry>,
    ask: impl FnOnce(&Module) -> Result<Vec<Item>, Errno>,
) -> c_int {
    guard(INVALID, || module.get().map_or(NOTHING, |module| counted(list, || ask(module))))
}

c_functions! {
    fn kmod_module_get_info(module: Held<Module>, list: Slot<Entry>) -> c_int {
        list_of(&module, list, Module::info)
    }

    fn kmod_module_info_get_key(entry: Entry) -> Text {
        match entry.item() {
            Some(Item::Info { key, .. }) => Text::of(Some(key)),
            _ => Text::NULL,
        }
    }

    fn kmod_module_info_get_value(entry: Entry) -> Text {
        match entry.item() {
            Some(Item::Info { value, .. }) => Text::of(Some(value)),
            _ => Text::NULL,
        }
    }

    fn kmod_module_info_free_list(list: Entry) {
        guard((), || list.end());
    }

    fn kmod_module_get_versions(module: Held<Module>, list: Slot<Entry>) -> c_int {
        list_of(&module, list, Module::versions)
    }

    fn kmod_module_version_get_symbol(entry: Entry) -> Text {
        Text::of(entry.item().and_then(Item::symbol))
    }

    fn kmod_module_version_get_crc(entry: Entry) -> u64 {
        entry.item().and_then(Item::crc).unwrap_or(0)
    }

    fn kmod_module_versions_free_list(list: Entry) {
        guard((), || list.end());
    }

    fn kmod_module_get_symbols(module: Held<Module>, list: Slot<Entry>) -> c_int {
        list_of(&module, list, Module::symbols)
    }

    fn kmod_module_symbol_get_symbol(entry: Entry) -> Text {
        Text::of(entry.item().and_then(Item::symbol))
    }

    fn kmod_module_symbol_get_crc(entry: Entry) -> u64 {
        entry.item().and_then(Item::crc).unwrap_or(0)
    }

    fn kmod_module_symbols_free_list(list: Entry) {
        guard((), || list.end());
    }

    fn kmod_module_get_dependency_symbols(module: Held<Module>, list: Slot<Entry>) -> c_int {
        list_of(&module, list, Module::needs)
    }

    fn kmod_module_dependency_symbol_get_symbol(entry: Entry) -> Text {
        Text::of(entry.item().and_then(Item::symbol))
    }

    fn kmod_module_dependency_symbol_get_bind(entry: Entry) -> c_int {
        match entry.item() {
            Some(Item::Need { bind, .. }) => c_int::from(*bind),
            _ => 0,
        }
    }

    fn kmod_module_dependency_symbol_get_crc(entry: Entry) -> u64 {
        entry.item().and_then(Item::crc).unwrap_or(0)
    }

    fn kmod_module_dependency_symbols_free_list(list: Entry) {
        guard((), || list.end());
    }
}
