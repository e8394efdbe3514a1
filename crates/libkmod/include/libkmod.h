/*
 * libkmod.h: kernel modules, for C programs.
 *
 * The interface of libkmod.so.2, as komod offers it. Programs built against
 * any libkmod of that name run with it.
 *
 * A context (struct kmod_ctx) stands for one module directory and one
 * configuration. Contexts share nothing: use each from one thread at a time.
 * All objects count their references; a function whose name holds `_new` or
 * `_ref` gives one to its caller. Any pointer may be NULL: then the answer is
 * NULL, false or a negative errno. Numbers below zero are always -errno.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef LIBKMOD_H
#define LIBKMOD_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Contexts */

struct kmod_ctx;

/*
 * Opens a module directory: `dirname`, or that of the running kernel. Reads
 * the configuration: the files and directories of the NULL-ended
 * `config_paths`, or the usual ones; an empty array stands for none. NULL when
 * the kernel does not tell its release.
 */
struct kmod_ctx *kmod_new(const char *dirname, const char *const *config_paths);
struct kmod_ctx *kmod_ref(struct kmod_ctx *ctx);
/* NULL when that was the last reference, else `ctx`. */
struct kmod_ctx *kmod_unref(struct kmod_ctx *ctx);

/* The module directory, absolute. It lives as long as the context. */
const char *kmod_get_dirname(const struct kmod_ctx *ctx);

/*
 * Who gets the messages: standard error at first, nobody when `log_fn` is
 * NULL. Priorities are syslog(3)'s; those past the limit (3, or what the
 * variable KMOD_LOG says) are not told. Texts end with a newline.
 */
void kmod_set_log_fn(struct kmod_ctx *ctx,
		     void (*log_fn)(void *data, int priority, const char *file, int line,
				    const char *fn, const char *format, va_list args),
		     const void *data);
int kmod_get_log_priority(const struct kmod_ctx *ctx);
void kmod_set_log_priority(struct kmod_ctx *ctx, int priority);

/* A pointer of the caller's own, kept. */
void *kmod_get_userdata(const struct kmod_ctx *ctx);
void kmod_set_userdata(struct kmod_ctx *ctx, const void *userdata);

/* The files of depmod(8) */

enum kmod_resources {
	KMOD_RESOURCES_OK = 0,
	/* Another file stands where an index was: unload and load again. */
	KMOD_RESOURCES_MUST_RELOAD = 1,
	/* The configuration has changed: make another context. */
	KMOD_RESOURCES_MUST_RECREATE = 2,
};

enum kmod_index {
	KMOD_INDEX_MODULES_DEP = 0,
	KMOD_INDEX_MODULES_ALIAS,
	KMOD_INDEX_MODULES_SYMBOL,
	KMOD_INDEX_MODULES_BUILTIN_ALIAS,
	KMOD_INDEX_MODULES_BUILTIN,
	/* Makes the type unsigned and of 32 bits for every compiler. */
	_KMOD_INDEX_PAD = 1U << 31,
};

/* Opens all indexes at once, to be kept open. Without it each opens at need. */
int kmod_load_resources(struct kmod_ctx *ctx);
void kmod_unload_resources(struct kmod_ctx *ctx);
/* Whether what is open is still what lies on the disk: enum kmod_resources. */
int kmod_validate_resources(struct kmod_ctx *ctx);
/* Writes keys and values of one index to `fd`, a line each. */
int kmod_dump_index(struct kmod_ctx *ctx, enum kmod_index type, int fd);

/* Lists: circular, of what the function that made them says */

struct kmod_list;

/* What follows `curr` in the list that begins with `list`; NULL at its end. */
struct kmod_list *kmod_list_next(const struct kmod_list *list, const struct kmod_list *curr);
struct kmod_list *kmod_list_prev(const struct kmod_list *list, const struct kmod_list *curr);
struct kmod_list *kmod_list_last(const struct kmod_list *list);

#define kmod_list_foreach(entry, list) \
	for ((entry) = (list); (entry) != NULL; (entry) = kmod_list_next((list), (entry)))

#define kmod_list_foreach_reverse(entry, list)                      \
	for ((entry) = kmod_list_last(list); (entry) != NULL;       \
	     (entry) = kmod_list_prev((list), (entry)))

/* The configuration, modprobe.d(5) */

struct kmod_config_iter;

/*
 * An iterator stands before the first directive of its kind. Keys and values
 * live as long as the context, or as the iterator where it puts them together
 * (soft and weak dependencies): until the next value is asked for.
 */
struct kmod_config_iter *kmod_config_get_blacklists(const struct kmod_ctx *ctx);
struct kmod_config_iter *kmod_config_get_install_commands(const struct kmod_ctx *ctx);
struct kmod_config_iter *kmod_config_get_remove_commands(const struct kmod_ctx *ctx);
struct kmod_config_iter *kmod_config_get_aliases(const struct kmod_ctx *ctx);
struct kmod_config_iter *kmod_config_get_options(const struct kmod_ctx *ctx);
struct kmod_config_iter *kmod_config_get_softdeps(const struct kmod_ctx *ctx);
struct kmod_config_iter *kmod_config_get_weakdeps(const struct kmod_ctx *ctx);
const char *kmod_config_iter_get_key(const struct kmod_config_iter *iter);
const char *kmod_config_iter_get_value(const struct kmod_config_iter *iter);
bool kmod_config_iter_next(struct kmod_config_iter *iter);
void kmod_config_iter_free_iter(struct kmod_config_iter *iter);

/* Modules */

struct kmod_module;

/* Of that name, up to its first dot; nothing says that it exists. */
int kmod_module_new_from_name(struct kmod_ctx *ctx, const char *name, struct kmod_module **mod);
/* In that file. */
int kmod_module_new_from_path(struct kmod_ctx *ctx, const char *path, struct kmod_module **mod);
/* Of that name if there is such a module, built in or not; never an alias. */
int kmod_module_new_from_name_lookup(struct kmod_ctx *ctx, const char *modname,
				     struct kmod_module **mod);
/* All that a name or alias stands for. `*list` must be NULL; it stays so when nothing does. */
int kmod_module_new_from_lookup(struct kmod_ctx *ctx, const char *given_alias,
				struct kmod_list **list);
/* All that is loaded. */
int kmod_module_new_from_loaded(struct kmod_ctx *ctx, struct kmod_list **list);

struct kmod_module *kmod_module_ref(struct kmod_module *mod);
/* NULL when that was the last reference, else `mod`. */
struct kmod_module *kmod_module_unref(struct kmod_module *mod);
/* Frees a list of modules and its references. */
int kmod_module_unref_list(struct kmod_list *list);
/* A new reference to the module that an entry of such a list holds. */
struct kmod_module *kmod_module_get_module(const struct kmod_list *entry);

/* These strings live as long as the module. */
const char *kmod_module_get_name(const struct kmod_module *mod);
const char *kmod_module_get_path(const struct kmod_module *mod);
const char *kmod_module_get_options(const struct kmod_module *mod);
const char *kmod_module_get_install_commands(const struct kmod_module *mod);
const char *kmod_module_get_remove_commands(const struct kmod_module *mod);

/* What it needs, that which needs nothing first. */
struct kmod_list *kmod_module_get_dependencies(const struct kmod_module *mod);
/* The lists must be NULL at first. */
int kmod_module_get_softdeps(const struct kmod_module *mod, struct kmod_list **pre,
			     struct kmod_list **post);
int kmod_module_get_weakdeps(const struct kmod_module *mod, struct kmod_list **weak);

enum kmod_filter {
	/* Leaves out what is on the blacklist. */
	KMOD_FILTER_BLACKLIST = 0x00001,
	/* Leaves out what is built in. */
	KMOD_FILTER_BUILTIN = 0x00002,
};

/* `*output` gets those of `input` that no filter leaves out. */
int kmod_module_apply_filter(const struct kmod_ctx *ctx, enum kmod_filter filter_type,
			     const struct kmod_list *input, struct kmod_list **output);
/* The same with KMOD_FILTER_BLACKLIST; use that. */
int kmod_module_get_filtered_blacklist(const struct kmod_ctx *ctx, const struct kmod_list *input,
				       struct kmod_list **output) __attribute__((deprecated));

/* Loading and removing */

enum kmod_remove {
	KMOD_REMOVE_NOLOG = 1,
	KMOD_REMOVE_FORCE = 01000, /* O_TRUNC */
	KMOD_REMOVE_NOWAIT = 04000, /* O_NONBLOCK: always so */
};

enum kmod_insert {
	KMOD_INSERT_FORCE_VERMAGIC = 0x1,
	KMOD_INSERT_FORCE_MODVERSION = 0x2,
};

enum kmod_probe {
	KMOD_PROBE_FORCE_VERMAGIC = 0x00001,
	KMOD_PROBE_FORCE_MODVERSION = 0x00002,
	/* No commands and soft dependencies of the module itself. */
	KMOD_PROBE_IGNORE_COMMAND = 0x00004,
	/* As if nothing were loaded. */
	KMOD_PROBE_IGNORE_LOADED = 0x00008,
	KMOD_PROBE_DRY_RUN = 0x00010,
	/* -EEXIST when it is in the kernel already. */
	KMOD_PROBE_FAIL_ON_LOADED = 0x00020,

	/* What the blacklist holds back: then that flag is returned. */
	KMOD_PROBE_APPLY_BLACKLIST_ALL = 0x10000,
	KMOD_PROBE_APPLY_BLACKLIST = 0x20000,
	KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY = 0x40000,
};

/* Hands the module's own file to the kernel, and nothing else. */
int kmod_module_insert_module(struct kmod_module *mod, unsigned int flags, const char *options);
/*
 * Loads the module with all that it needs, as modprobe(8) does. `run_install`
 * runs install commands in place of the shell; `print_action` hears of each
 * step before it is tried.
 */
int kmod_module_probe_insert_module(
	struct kmod_module *mod, unsigned int flags, const char *extra_options,
	int (*run_install)(struct kmod_module *m, const char *cmdline, void *data),
	const void *data,
	void (*print_action)(struct kmod_module *m, bool install, const char *options));
/* Takes the module, and nothing else, out of the kernel. */
int kmod_module_remove_module(struct kmod_module *mod, unsigned int flags);

/* What the running kernel says of a module */

enum kmod_module_initstate {
	KMOD_MODULE_BUILTIN = 0,
	KMOD_MODULE_LIVE,
	KMOD_MODULE_COMING,
	KMOD_MODULE_GOING,
	/* Makes the type unsigned and of 32 bits for every compiler. */
	_KMOD_MODULE_PAD = 1U << 31,
};

/* enum kmod_module_initstate, or -ENOENT when it is not in the kernel. */
int kmod_module_get_initstate(const struct kmod_module *mod);
const char *kmod_module_initstate_str(enum kmod_module_initstate state);
int kmod_module_get_refcnt(const struct kmod_module *mod);
long kmod_module_get_size(const struct kmod_module *mod);
/* The modules that use it. */
struct kmod_list *kmod_module_get_holders(const struct kmod_module *mod);

struct kmod_list *kmod_module_get_sections(const struct kmod_module *mod);
const char *kmod_module_section_get_name(const struct kmod_list *entry);
/* ULONG_MAX where there is none. */
unsigned long kmod_module_section_get_address(const struct kmod_list *entry);
void kmod_module_section_free_list(struct kmod_list *list);

/*
 * What a module's file says. These functions return how many entries `*list`
 * has got; it must be NULL before, and is freed by the function behind them.
 */

int kmod_module_get_info(const struct kmod_module *mod, struct kmod_list **list);
const char *kmod_module_info_get_key(const struct kmod_list *entry);
const char *kmod_module_info_get_value(const struct kmod_list *entry);
void kmod_module_info_free_list(struct kmod_list *list);

/* Checksums of the symbols it was built against. */
int kmod_module_get_versions(const struct kmod_module *mod, struct kmod_list **list);
const char *kmod_module_version_get_symbol(const struct kmod_list *entry);
uint64_t kmod_module_version_get_crc(const struct kmod_list *entry);
void kmod_module_versions_free_list(struct kmod_list *list);

/* The symbols it offers. */
int kmod_module_get_symbols(const struct kmod_module *mod, struct kmod_list **list);
const char *kmod_module_symbol_get_symbol(const struct kmod_list *entry);
uint64_t kmod_module_symbol_get_crc(const struct kmod_list *entry);
void kmod_module_symbols_free_list(struct kmod_list *list);

enum kmod_symbol_bind {
	KMOD_SYMBOL_NONE = '\0',
	KMOD_SYMBOL_LOCAL = 'L',
	KMOD_SYMBOL_GLOBAL = 'G',
	KMOD_SYMBOL_WEAK = 'W',
	KMOD_SYMBOL_UNDEF = 'U',
};

/* The symbols it needs. */
int kmod_module_get_dependency_symbols(const struct kmod_module *mod, struct kmod_list **list);
const char *kmod_module_dependency_symbol_get_symbol(const struct kmod_list *entry);
int kmod_module_dependency_symbol_get_bind(const struct kmod_list *entry);
uint64_t kmod_module_dependency_symbol_get_crc(const struct kmod_list *entry);
void kmod_module_dependency_symbols_free_list(struct kmod_list *list);

#ifdef __cplusplus
}
#endif

#endif
