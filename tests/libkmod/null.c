/* Every function with nothing to work on. */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void pointer(const void *p)
{
	printf("%s", p == NULL ? "NULL" : "a pointer");
}

static void number(long long n)
{
	printf("%lld", n);
}

/* In a process of its own: an assertion that fails is an answer too. */
#define TRY(call)                                                   \
	do {                                                        \
		int status = 0;                                     \
		pid_t pid;                                          \
		printf("  %s: ", #call);                            \
		fflush(stdout);                                     \
		pid = fork();                                       \
		if (pid == 0) {                                     \
			fclose(stderr);                             \
			call;                                       \
			fflush(stdout);                             \
			_exit(0);                                   \
		}                                                   \
		if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status)) \
			printf("killed");                           \
		printf("\n");                                       \
	} while (0)

static void contexts(void)
{
	TRY(pointer(kmod_ref(NULL)));
	TRY(pointer(kmod_unref(NULL)));
	TRY(pointer(kmod_get_dirname(NULL)));
	TRY(kmod_set_log_fn(NULL, NULL, NULL));
	TRY(number(kmod_get_log_priority(NULL)));
	TRY(kmod_set_log_priority(NULL, 3));
	TRY(pointer(kmod_get_userdata(NULL)));
	TRY(kmod_set_userdata(NULL, NULL));
	TRY(number(kmod_load_resources(NULL)));
	TRY(kmod_unload_resources(NULL));
	TRY(number(kmod_validate_resources(NULL)));
	TRY(number(kmod_dump_index(NULL, KMOD_INDEX_MODULES_DEP, 1)));
	TRY(pointer(kmod_list_next(NULL, NULL)));
	TRY(pointer(kmod_list_prev(NULL, NULL)));
	TRY(pointer(kmod_list_last(NULL)));
	TRY(pointer(kmod_config_get_blacklists(NULL)));
	TRY(pointer(kmod_config_get_install_commands(NULL)));
	TRY(pointer(kmod_config_get_remove_commands(NULL)));
	TRY(pointer(kmod_config_get_aliases(NULL)));
	TRY(pointer(kmod_config_get_options(NULL)));
	TRY(pointer(kmod_config_get_softdeps(NULL)));
	TRY(pointer(kmod_config_get_weakdeps(NULL)));
	TRY(pointer(kmod_config_iter_get_key(NULL)));
	TRY(pointer(kmod_config_iter_get_value(NULL)));
	TRY(number(kmod_config_iter_next(NULL)));
	TRY(kmod_config_iter_free_iter(NULL));
}

static void makers(void)
{
	struct kmod_module *mod = NULL;
	struct kmod_list *list = NULL;

	TRY(number(kmod_module_new_from_name(NULL, "a", &mod)));
	TRY(number(kmod_module_new_from_path(NULL, "a", &mod)));
	TRY(number(kmod_module_new_from_name_lookup(NULL, "a", &mod)));
	TRY(number(kmod_module_new_from_lookup(NULL, "a", &list)));
	TRY(number(kmod_module_new_from_loaded(NULL, &list)));
	TRY(pointer(kmod_module_ref(NULL)));
	TRY(pointer(kmod_module_unref(NULL)));
	TRY(number(kmod_module_unref_list(NULL)));
	TRY(pointer(kmod_module_get_module(NULL)));
	TRY(number(kmod_module_apply_filter(NULL, KMOD_FILTER_BLACKLIST, NULL, &list)));
}

static void modules(void)
{
	struct kmod_list *list = NULL, *other = NULL;

	TRY(pointer(kmod_module_get_name(NULL)));
	TRY(pointer(kmod_module_get_path(NULL)));
	TRY(pointer(kmod_module_get_options(NULL)));
	TRY(pointer(kmod_module_get_install_commands(NULL)));
	TRY(pointer(kmod_module_get_remove_commands(NULL)));
	TRY(pointer(kmod_module_get_dependencies(NULL)));
	TRY(number(kmod_module_get_softdeps(NULL, &list, &other)));
	TRY(number(kmod_module_get_weakdeps(NULL, &list)));
	TRY(number(kmod_module_insert_module(NULL, 0, NULL)));
	TRY(number(kmod_module_probe_insert_module(NULL, 0, NULL, NULL, NULL, NULL)));
	TRY(number(kmod_module_remove_module(NULL, 0)));
	TRY(number(kmod_module_get_initstate(NULL)));
	TRY(pointer(kmod_module_initstate_str(77)));
	TRY(number(kmod_module_get_refcnt(NULL)));
	TRY(number(kmod_module_get_size(NULL)));
	TRY(pointer(kmod_module_get_holders(NULL)));
	TRY(pointer(kmod_module_get_sections(NULL)));
	TRY(pointer(kmod_module_section_get_name(NULL)));
	TRY(number(kmod_module_section_get_address(NULL)));
	TRY(kmod_module_section_free_list(NULL));
}

static void contents(void)
{
	struct kmod_list *list = NULL;

	TRY(number(kmod_module_get_info(NULL, &list)));
	TRY(pointer(kmod_module_info_get_key(NULL)));
	TRY(pointer(kmod_module_info_get_value(NULL)));
	TRY(kmod_module_info_free_list(NULL));
	TRY(number(kmod_module_get_versions(NULL, &list)));
	TRY(pointer(kmod_module_version_get_symbol(NULL)));
	TRY(number(kmod_module_version_get_crc(NULL)));
	TRY(kmod_module_versions_free_list(NULL));
	TRY(number(kmod_module_get_symbols(NULL, &list)));
	TRY(pointer(kmod_module_symbol_get_symbol(NULL)));
	TRY(number(kmod_module_symbol_get_crc(NULL)));
	TRY(kmod_module_symbols_free_list(NULL));
	TRY(number(kmod_module_get_dependency_symbols(NULL, &list)));
	TRY(pointer(kmod_module_dependency_symbol_get_symbol(NULL)));
	TRY(number(kmod_module_dependency_symbol_get_bind(NULL)));
	TRY(number(kmod_module_dependency_symbol_get_crc(NULL)));
	TRY(kmod_module_dependency_symbols_free_list(NULL));
}

void call_all_with_null(void)
{
	printf("null:\n");
	contexts();
	makers();
	modules();
	contents();
}
