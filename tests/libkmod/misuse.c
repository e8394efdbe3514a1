/* What a caller should not do, each in a process of its own. */
#include "ask.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The deprecated function is called too. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define ELSEWHERE ((struct kmod_list *)0x1000)

static void attempt(struct kmod_ctx *ctx, const char *what)
{
	struct kmod_list *list = ELSEWHERE, *other = NULL;
	struct kmod_module *mod = NULL;
	long rc = 0;

	kmod_module_new_from_name(ctx, "a", &mod);
	if (strcmp(what, "lookup") == 0)
		rc = kmod_module_new_from_lookup(ctx, "a", &list);
	else if (strcmp(what, "lookup-null") == 0)
		rc = kmod_module_new_from_lookup(ctx, NULL, &other);
	else if (strcmp(what, "softdeps") == 0)
		rc = kmod_module_get_softdeps(mod, &list, &other);
	else if (strcmp(what, "softdeps-null") == 0)
		rc = kmod_module_get_softdeps(mod, NULL, NULL);
	else if (strcmp(what, "weakdeps") == 0)
		rc = kmod_module_get_weakdeps(mod, &list);
	else if (strcmp(what, "info") == 0)
		rc = kmod_module_get_info(mod, &list);
	else if (strcmp(what, "info-null") == 0)
		rc = kmod_module_get_info(mod, NULL);
	else if (strcmp(what, "versions") == 0)
		rc = kmod_module_get_versions(mod, &list);
	else if (strcmp(what, "symbols") == 0)
		rc = kmod_module_get_symbols(mod, &list);
	else if (strcmp(what, "needs") == 0)
		rc = kmod_module_get_dependency_symbols(mod, &list);
	else if (strcmp(what, "name-null") == 0)
		rc = kmod_module_new_from_name(ctx, NULL, &mod);
	else if (strcmp(what, "name-nowhere") == 0)
		rc = kmod_module_new_from_name(ctx, "a", NULL);
	else if (strcmp(what, "path-null") == 0)
		rc = kmod_module_new_from_path(ctx, NULL, &mod);
	else if (strcmp(what, "path-nowhere") == 0)
		rc = kmod_module_new_from_path(ctx, "/", NULL);
	else if (strcmp(what, "name-lookup-null") == 0)
		rc = kmod_module_new_from_name_lookup(ctx, NULL, &mod);
	else if (strcmp(what, "loaded-nowhere") == 0)
		rc = kmod_module_new_from_loaded(ctx, NULL);
	else if (strcmp(what, "filter-nowhere") == 0)
		rc = kmod_module_apply_filter(ctx, KMOD_FILTER_BUILTIN, NULL, NULL);
	else if (strcmp(what, "filtered-blacklist") == 0)
		rc = kmod_module_get_filtered_blacklist(ctx, NULL, &other);
	else if (strcmp(what, "dump-bad-fd") == 0)
		rc = kmod_dump_index(ctx, KMOD_INDEX_MODULES_DEP, -1);
	else if (strcmp(what, "dump-bad-type") == 0)
		rc = kmod_dump_index(ctx, 9, 1);
	else
		printf("unknown: ");
	printf("%ld %s %s\n", rc, list == ELSEWHERE ? "untouched" : list == NULL ? "NULL" : "set",
	       other == NULL ? "NULL" : "set");
	kmod_module_unref(mod);
}

void misuse(struct kmod_ctx *ctx, const char *what)
{
	int status = 0;
	pid_t pid;

	printf("misuse %s: ", what);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fclose(stderr);
		attempt(ctx, what);
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		printf("killed\n");
}
