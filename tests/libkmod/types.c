/*
 * The types of the library, against whatever libkmod.h is compiled with: a
 * function of another type, or a constant of another value, is an error.
 */
#include <libkmod.h>

#define TYPE(name, ret, ...) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(name), ret(__VA_ARGS__)), #name)
#define SAME(name, value) _Static_assert((name) == (value), #name)

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef void log_fn(void *, int, const char *, int, const char *, const char *, va_list);
typedef int run_install(struct kmod_module *, const char *, void *);
typedef void print_action(struct kmod_module *, bool, const char *);

TYPE(kmod_new, struct kmod_ctx *, const char *, const char *const *);
TYPE(kmod_ref, struct kmod_ctx *, struct kmod_ctx *);
TYPE(kmod_unref, struct kmod_ctx *, struct kmod_ctx *);
TYPE(kmod_get_dirname, const char *, const struct kmod_ctx *);
TYPE(kmod_set_log_fn, void, struct kmod_ctx *, log_fn *, const void *);
TYPE(kmod_get_log_priority, int, const struct kmod_ctx *);
TYPE(kmod_set_log_priority, void, struct kmod_ctx *, int);
TYPE(kmod_get_userdata, void *, const struct kmod_ctx *);
TYPE(kmod_set_userdata, void, struct kmod_ctx *, const void *);
TYPE(kmod_load_resources, int, struct kmod_ctx *);
TYPE(kmod_unload_resources, void, struct kmod_ctx *);
TYPE(kmod_validate_resources, int, struct kmod_ctx *);
TYPE(kmod_dump_index, int, struct kmod_ctx *, enum kmod_index, int);
TYPE(kmod_list_next, struct kmod_list *, const struct kmod_list *, const struct kmod_list *);
TYPE(kmod_list_prev, struct kmod_list *, const struct kmod_list *, const struct kmod_list *);
TYPE(kmod_list_last, struct kmod_list *, const struct kmod_list *);
TYPE(kmod_config_get_blacklists, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_get_install_commands, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_get_remove_commands, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_get_aliases, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_get_options, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_get_softdeps, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_get_weakdeps, struct kmod_config_iter *, const struct kmod_ctx *);
TYPE(kmod_config_iter_get_key, const char *, const struct kmod_config_iter *);
TYPE(kmod_config_iter_get_value, const char *, const struct kmod_config_iter *);
TYPE(kmod_config_iter_next, bool, struct kmod_config_iter *);
TYPE(kmod_config_iter_free_iter, void, struct kmod_config_iter *);
TYPE(kmod_module_new_from_name, int, struct kmod_ctx *, const char *, struct kmod_module **);
TYPE(kmod_module_new_from_path, int, struct kmod_ctx *, const char *, struct kmod_module **);
TYPE(kmod_module_new_from_name_lookup, int, struct kmod_ctx *, const char *, struct kmod_module **);
TYPE(kmod_module_new_from_lookup, int, struct kmod_ctx *, const char *, struct kmod_list **);
TYPE(kmod_module_new_from_loaded, int, struct kmod_ctx *, struct kmod_list **);
TYPE(kmod_module_ref, struct kmod_module *, struct kmod_module *);
TYPE(kmod_module_unref, struct kmod_module *, struct kmod_module *);
TYPE(kmod_module_unref_list, int, struct kmod_list *);
TYPE(kmod_module_get_module, struct kmod_module *, const struct kmod_list *);
TYPE(kmod_module_get_name, const char *, const struct kmod_module *);
TYPE(kmod_module_get_path, const char *, const struct kmod_module *);
TYPE(kmod_module_get_options, const char *, const struct kmod_module *);
TYPE(kmod_module_get_install_commands, const char *, const struct kmod_module *);
TYPE(kmod_module_get_remove_commands, const char *, const struct kmod_module *);
TYPE(kmod_module_get_dependencies, struct kmod_list *, const struct kmod_module *);
TYPE(kmod_module_get_softdeps, int, const struct kmod_module *, struct kmod_list **,
     struct kmod_list **);
TYPE(kmod_module_get_weakdeps, int, const struct kmod_module *, struct kmod_list **);
TYPE(kmod_module_apply_filter, int, const struct kmod_ctx *, enum kmod_filter,
     const struct kmod_list *, struct kmod_list **);
TYPE(kmod_module_get_filtered_blacklist, int, const struct kmod_ctx *,
     const struct kmod_list *, struct kmod_list **);
TYPE(kmod_module_insert_module, int, struct kmod_module *, unsigned int, const char *);
TYPE(kmod_module_probe_insert_module, int, struct kmod_module *, unsigned int, const char *,
     run_install *, const void *, print_action *);
TYPE(kmod_module_remove_module, int, struct kmod_module *, unsigned int);
TYPE(kmod_module_get_initstate, int, const struct kmod_module *);
TYPE(kmod_module_initstate_str, const char *, enum kmod_module_initstate);
TYPE(kmod_module_get_refcnt, int, const struct kmod_module *);
TYPE(kmod_module_get_size, long, const struct kmod_module *);
TYPE(kmod_module_get_holders, struct kmod_list *, const struct kmod_module *);
TYPE(kmod_module_get_sections, struct kmod_list *, const struct kmod_module *);
TYPE(kmod_module_section_get_name, const char *, const struct kmod_list *);
TYPE(kmod_module_section_get_address, unsigned long, const struct kmod_list *);
TYPE(kmod_module_section_free_list, void, struct kmod_list *);
TYPE(kmod_module_get_info, int, const struct kmod_module *, struct kmod_list **);
TYPE(kmod_module_info_get_key, const char *, const struct kmod_list *);
TYPE(kmod_module_info_get_value, const char *, const struct kmod_list *);
TYPE(kmod_module_info_free_list, void, struct kmod_list *);
TYPE(kmod_module_get_versions, int, const struct kmod_module *, struct kmod_list **);
TYPE(kmod_module_version_get_symbol, const char *, const struct kmod_list *);
TYPE(kmod_module_version_get_crc, uint64_t, const struct kmod_list *);
TYPE(kmod_module_versions_free_list, void, struct kmod_list *);
TYPE(kmod_module_get_symbols, int, const struct kmod_module *, struct kmod_list **);
TYPE(kmod_module_symbol_get_symbol, const char *, const struct kmod_list *);
TYPE(kmod_module_symbol_get_crc, uint64_t, const struct kmod_list *);
TYPE(kmod_module_symbols_free_list, void, struct kmod_list *);
TYPE(kmod_module_get_dependency_symbols, int, const struct kmod_module *, struct kmod_list **);
TYPE(kmod_module_dependency_symbol_get_symbol, const char *, const struct kmod_list *);
TYPE(kmod_module_dependency_symbol_get_bind, int, const struct kmod_list *);
TYPE(kmod_module_dependency_symbol_get_crc, uint64_t, const struct kmod_list *);
TYPE(kmod_module_dependency_symbols_free_list, void, struct kmod_list *);

SAME(KMOD_RESOURCES_OK, 0);
SAME(KMOD_RESOURCES_MUST_RELOAD, 1);
SAME(KMOD_RESOURCES_MUST_RECREATE, 2);
SAME(KMOD_INDEX_MODULES_DEP, 0);
SAME(KMOD_INDEX_MODULES_ALIAS, 1);
SAME(KMOD_INDEX_MODULES_SYMBOL, 2);
SAME(KMOD_INDEX_MODULES_BUILTIN_ALIAS, 3);
SAME(KMOD_INDEX_MODULES_BUILTIN, 4);
SAME(KMOD_FILTER_BLACKLIST, 1);
SAME(KMOD_FILTER_BUILTIN, 2);
SAME(KMOD_REMOVE_NOLOG, 1);
SAME(KMOD_REMOVE_FORCE, 0x200);
SAME(KMOD_REMOVE_NOWAIT, 0x800);
SAME(KMOD_INSERT_FORCE_VERMAGIC, 1);
SAME(KMOD_INSERT_FORCE_MODVERSION, 2);
SAME(KMOD_PROBE_FORCE_VERMAGIC, 1);
SAME(KMOD_PROBE_FORCE_MODVERSION, 2);
SAME(KMOD_PROBE_IGNORE_COMMAND, 4);
SAME(KMOD_PROBE_IGNORE_LOADED, 8);
SAME(KMOD_PROBE_DRY_RUN, 0x10);
SAME(KMOD_PROBE_FAIL_ON_LOADED, 0x20);
SAME(KMOD_PROBE_APPLY_BLACKLIST_ALL, 0x10000);
SAME(KMOD_PROBE_APPLY_BLACKLIST, 0x20000);
SAME(KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, 0x40000);
SAME(KMOD_MODULE_BUILTIN, 0);
SAME(KMOD_MODULE_LIVE, 1);
SAME(KMOD_MODULE_COMING, 2);
SAME(KMOD_MODULE_GOING, 3);
SAME(KMOD_SYMBOL_NONE, 0);
SAME(KMOD_SYMBOL_LOCAL, 'L');
SAME(KMOD_SYMBOL_GLOBAL, 'G');
SAME(KMOD_SYMBOL_WEAK, 'W');
SAME(KMOD_SYMBOL_UNDEF, 'U');
SAME(sizeof(enum kmod_index), 4);
SAME(sizeof(enum kmod_module_initstate), 4);
