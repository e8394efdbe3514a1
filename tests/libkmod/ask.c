/*
 * ask: what libkmod answers. Each argument is one line: a command and its
 * words, carried out in order on one context, one module and one list.
 */
#define _GNU_SOURCE
#include "ask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define WORDS 8

static struct kmod_ctx *ctx;
static struct kmod_module *mod;
static struct kmod_list *list;
static int mark;
static int inherited_at_start;

static void log_line(void *data, int priority, const char *file, int line, const char *fn,
		     const char *format, va_list args)
{
	char buffer[4096];

	(void)file, (void)line, (void)fn;
	vsnprintf(buffer, sizeof(buffer), format, args);
	printf("log%s %d: %s", data == &mark ? "" : " without its data", priority, buffer);
	if (strchr(buffer, '\n') == NULL)
		printf("\n");
}

static int run_install(struct kmod_module *m, const char *cmdline, void *data)
{
	printf("  run %s: [%s]%s\n", kmod_module_get_name(m), cmdline,
	       data == &mark ? "" : " without its data");
	if (strstr(cmdline, "positive") != NULL)
		return 5;
	return strstr(cmdline, "fails") == NULL ? 0 : -E2BIG;
}

static void print_action(struct kmod_module *m, bool install, const char *options)
{
	printf("  %s %s path=%s [%s]\n", install ? "install" : "insmod", kmod_module_get_name(m),
	       text(kmod_module_get_path(m)), text(options));
}

/* The list becomes the current one, and its first module the current module. */
static void keep(struct kmod_list *fresh)
{
	struct kmod_list *entry;

	kmod_module_unref_list(list);
	list = fresh;
	kmod_list_foreach(entry, list) {
		struct kmod_module *m = kmod_module_get_module(entry);

		show_module(m);
		kmod_module_unref(m);
	}
	if (list != NULL) {
		kmod_module_unref(mod);
		mod = kmod_module_get_module(list);
	}
}

static void keep_module(const char *what, int rc, struct kmod_module *fresh)
{
	printf("%s: %d\n", what, rc);
	if (rc != 0) {
		if (fresh != NULL)
			printf("  and a module\n");
		return;
	}
	show_module(fresh);
	kmod_module_unref(mod);
	mod = fresh;
}

/* new [DIRECTORY|-] [-|none|PATH...]: `-` for NULL. */
static void make_context(int count, char **words)
{
	const char *paths[WORDS + 1] = { NULL };
	const char *dirname = count > 1 && strcmp(words[1], "-") != 0 ? words[1] : NULL;
	const char *const *config = paths;

	if (count < 3 || strcmp(words[2], "-") == 0)
		config = NULL;
	else if (strcmp(words[2], "none") != 0)
		for (int i = 2; i < count; i++)
			paths[i - 2] = words[i];
	ctx = kmod_new(dirname, config);
	printf("new: %s\n", ctx == NULL ? "NULL" : "made");
}

/* The context goes first, then what still refers to it. */
static void end_context(void)
{
	struct kmod_ctx *left = kmod_unref(ctx);

	printf("end: %s\n", left == NULL ? "freed" : left == ctx ? "still there" : "?");
	if (mod != NULL)
		printf("  %s\n", text(kmod_module_get_name(mod)));
	kmod_module_unref_list(list);
	if (mod != NULL)
		printf("  module %s\n", kmod_module_unref(mod) == NULL ? "freed" : "still there");
	ctx = NULL;
	mod = NULL;
	list = NULL;
}

static void references(void)
{
	struct kmod_module *same = NULL;

	printf("references: %d", kmod_ref(ctx) == ctx && kmod_unref(ctx) == ctx);
	kmod_set_userdata(ctx, &mark);
	printf(" %d", kmod_get_userdata(ctx) == &mark);
	kmod_module_new_from_name(ctx, "same-one", &same);
	printf(" %d", kmod_module_ref(same) == same && kmod_module_unref(same) == same);
	kmod_module_unref(mod);
	kmod_module_new_from_name(ctx, "same_one", &mod);
	printf(" %s\n", same == mod ? "one object" : "two objects");
	kmod_module_unref(same);
}

static void log_to(const char *where)
{
	if (strcmp(where, "here") == 0)
		kmod_set_log_fn(ctx, log_line, &mark);
	else if (strcmp(where, "nobody") == 0)
		kmod_set_log_fn(ctx, NULL, NULL);
	else
		kmod_set_log_priority(ctx, atoi(where));
	printf("priority: %d\n", kmod_get_log_priority(ctx));
}

static void filter(int type)
{
	struct kmod_list *out = NULL;
	int rc = kmod_module_apply_filter(ctx, type, list, &out);

	show_modules("filter", rc, out);
	out = NULL;
	rc = kmod_module_get_filtered_blacklist(ctx, list, &out);
	show_modules("not blacklisted", rc, out);
}

static void softdeps(void)
{
	struct kmod_list *pre = NULL, *post = NULL, *weak = NULL;
	int rc = kmod_module_get_softdeps(mod, &pre, &post);

	show_modules("pre", rc, pre);
	show_modules("post", rc, post);
	rc = kmod_module_get_weakdeps(mod, &weak);
	show_modules("weak", rc, weak);
}

/* How many descriptors a program started now would get. */
static int inheritable(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
			count++;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

static void in_child(const char *name)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct kmod_list *found = NULL;
		int rc = kmod_module_new_from_lookup(ctx, name, &found);

		show_modules("child", rc, found);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* What a list is from its second entry on; given back by that. */
static void circle(void)
{
	struct kmod_list *second = kmod_list_next(list, list), *entry;
	int count = 0;

	if (second == NULL)
		second = list;
	kmod_list_foreach(entry, second)
		count++;
	printf("circle: %d %d %d %d\n", count, kmod_list_last(second) == list,
	       kmod_list_prev(second, second) == NULL, kmod_list_prev(list, second) == list);
	kmod_module_unref_list(second);
	list = NULL;
}

/* Two contexts are two worlds, modules of one name two modules. */
static void another(const char *name)
{
	struct kmod_ctx *second = kmod_new(kmod_get_dirname(ctx), NULL);
	struct kmod_module *here = NULL, *there = NULL;

	kmod_module_new_from_name(ctx, name, &here);
	kmod_module_new_from_name(second, name, &there);
	printf("another: %s\n", here == there ? "one module" : "two modules");
	kmod_unload_resources(second);
	kmod_module_unref(there);
	kmod_unref(second);
	show_module(here);
	kmod_module_unref(here);
}

/* Where the threads' own contexts look. */
static const char *dir_of_threads;

static void *of_thread(void *name)
{
	struct kmod_ctx *own = kmod_new(dir_of_threads, NULL);
	long found = 0;

	for (int i = 0; i < 50; i++) {
		struct kmod_list *answer = NULL, *entry;

		kmod_module_new_from_lookup(own, name, &answer);
		kmod_list_foreach(entry, answer)
			found++;
		kmod_module_unref_list(answer);
	}
	kmod_unref(own);
	return (void *)found;
}

static void in_threads(char *name)
{
	pthread_t threads[4];
	long sum = 0;

	dir_of_threads = kmod_get_dirname(ctx);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, of_thread, name);
	for (int i = 0; i < 4; i++) {
		void *found = NULL;

		pthread_join(threads[i], &found);
		sum += (long)found;
	}
	printf("threads: %ld\n", sum);
}

/* Replaces a file as depmod(8) does, with its own bytes, a day later. */
static void replace(const char *path)
{
	char other[512], buffer[4096];
	struct timespec times[2] = { { 0 }, { 0 } };
	struct stat before;
	int from = open(path, O_RDONLY), to;
	ssize_t size;

	snprintf(other, sizeof(other), "%s.new", path);
	to = open(other, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)size) != size)
			printf("not written\n");
	fstat(from, &before);
	times[0].tv_sec = times[1].tv_sec = before.st_mtime + 86400;
	futimens(to, times);
	close(from);
	close(to);
	printf("replace: %d\n", rename(other, path));
}

static unsigned int flags(const char *word)
{
	return word == NULL ? 0 : (unsigned int)strtoul(word, NULL, 0);
}

/* A file that zstd unpacks to 768 MiB of zeros. */
static void write_zeros(const char *path)
{
	static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0x30 };
	const int blocks = 768 * 8;
	FILE *file = fopen(path, "w");

	if (file == NULL)
		return;
	fwrite(frame, sizeof(frame), 1, file);
	fwrite("\0\0\0\0", 4, 1, file);
	for (int i = 1; i <= blocks; i++) {
		/* One byte, 128 KiB times. */
		unsigned int head = (i == blocks) | 1U << 1 | (128U * 1024) << 3;

		fprintf(file, "%c%c%c%c", head & 0xff, head >> 8 & 0xff, head >> 16, 0);
	}
	fclose(file);
}

static void limit_memory(rlim_t megabytes)
{
	struct rlimit limit = { megabytes << 20, megabytes << 20 };

	printf("memory: %d\n", setrlimit(RLIMIT_AS, &limit));
}

/* What takes a name and makes modules. */
static int find(int count, char **words, const char *rest)
{
	struct kmod_module *fresh = NULL;
	struct kmod_list *found = NULL;
	int rc;

	(void)count;
	if (strcmp(words[0], "name") == 0) {
		rc = kmod_module_new_from_name(ctx, rest, &fresh);
		keep_module("name", rc, fresh);
	} else if (strcmp(words[0], "path") == 0) {
		rc = kmod_module_new_from_path(ctx, rest, &fresh);
		keep_module("path", rc, fresh);
	} else if (strcmp(words[0], "name-lookup") == 0) {
		rc = kmod_module_new_from_name_lookup(ctx, rest, &fresh);
		keep_module("name-lookup", rc, fresh);
	} else if (strcmp(words[0], "lookup") == 0) {
		rc = kmod_module_new_from_lookup(ctx, rest, &found);
		printf("lookup: %d\n", rc);
		keep(found);
	} else if (strcmp(words[0], "loaded") == 0) {
		rc = kmod_module_new_from_loaded(ctx, &found);
		printf("loaded: %d\n", rc);
		keep(found);
	} else {
		return 0;
	}
	return 1;
}

/* What changes the kernel. */
static int change(int count, char **words, const char *rest)
{
	const char *options = count > 2 ? strstr(rest, words[2]) : NULL;

	if (strcmp(words[0], "insert") == 0)
		printf("insert: %d\n", kmod_module_insert_module(mod, flags(words[1]), options));
	else if (strcmp(words[0], "probe") == 0) {
		int rc = kmod_module_probe_insert_module(mod, flags(words[1]), options,
							 run_install, &mark, print_action);
		printf("probe: %d\n", rc);
	} else if (strcmp(words[0], "probe-alone") == 0) {
		int rc = kmod_module_probe_insert_module(mod, flags(words[1]), options, NULL,
							 NULL, NULL);
		printf("probe: %d\n", rc);
	} else if (strcmp(words[0], "remove") == 0)
		printf("remove: %d\n", kmod_module_remove_module(mod, flags(words[1])));
	else
		return 0;
	return 1;
}

/* What tells about the module. */
static int tell(const char *word)
{
	if (strcmp(word, "show") == 0)
		show_module(mod);
	else if (strcmp(word, "state") == 0)
		show_state(mod);
	else if (strcmp(word, "info") == 0)
		show_info(mod);
	else if (strcmp(word, "versions") == 0)
		show_versions(mod);
	else if (strcmp(word, "symbols") == 0)
		show_symbols(mod);
	else if (strcmp(word, "needs") == 0)
		show_needs(mod);
	else if (strcmp(word, "sections") == 0)
		show_sections(mod);
	else if (strcmp(word, "deps") == 0)
		show_modules("deps", 0, kmod_module_get_dependencies(mod));
	else if (strcmp(word, "holders") == 0)
		show_modules("holders", 0, kmod_module_get_holders(mod));
	else if (strcmp(word, "softdeps") == 0)
		softdeps();
	else
		return 0;
	return 1;
}

static int context(int count, char **words, char *rest)
{
	const char *word = words[0];

	if (strcmp(word, "new") == 0)
		make_context(count, words);
	else if (strcmp(word, "end") == 0)
		end_context();
	else if (strcmp(word, "dirname") == 0)
		printf("dirname: %s\n", text(kmod_get_dirname(ctx)));
	else if (strcmp(word, "references") == 0)
		references();
	else if (strcmp(word, "log") == 0)
		log_to(rest);
	else if (strcmp(word, "load") == 0)
		printf("load: %d\n", kmod_load_resources(ctx));
	else if (strcmp(word, "unload") == 0)
		kmod_unload_resources(ctx);
	else if (strcmp(word, "validate") == 0)
		printf("validate: %d\n", kmod_validate_resources(ctx));
	else if (strcmp(word, "dump") == 0) {
		fflush(stdout);
		int rc = kmod_dump_index(ctx, flags(rest), 1);
		printf("dump: %d\n", rc);
	} else if (strcmp(word, "config") == 0)
		show_config(ctx, rest);
	else if (strcmp(word, "filter") == 0)
		filter((int)flags(rest));
	else
		return 0;
	return 1;
}

static int surroundings(const char *word, char *rest)
{
	if (strcmp(word, "null") == 0)
		call_all_with_null();
	else if (strcmp(word, "misuse") == 0)
		misuse(ctx, rest);
	else if (strcmp(word, "lookups") == 0)
		look_up_all(ctx, rest);
	else if (strcmp(word, "descriptors") == 0)
		printf("descriptors to inherit: %d\n", inheritable() - inherited_at_start);
	else if (strcmp(word, "circle") == 0)
		circle();
	else if (strcmp(word, "another") == 0)
		another(rest);
	else if (strcmp(word, "child") == 0)
		in_child(rest);
	else if (strcmp(word, "threads") == 0)
		in_threads(rest);
	else if (strcmp(word, "replace") == 0)
		replace(rest);
	else if (strcmp(word, "zeros") == 0)
		write_zeros(rest);
	else if (strcmp(word, "memory") == 0)
		limit_memory((rlim_t)flags(rest));
	else if (strcmp(word, "make") == 0)
		printf("make: %d\n", mkdir(rest, 0755));
	else if (strcmp(word, "delete") == 0)
		printf("delete: %d\n", unlink(rest));
	else
		return 0;
	return 1;
}

int main(int argc, char **argv)
{
	inherited_at_start = inheritable();
	for (int i = 1; i < argc; i++) {
		char *words[WORDS] = { NULL }, *copy = strdup(argv[i]);
		char *rest = strchr(argv[i], ' ');
		int count = 0;

		rest = rest == NULL ? argv[i] + strlen(argv[i]) : rest + 1;
		for (char *w = strtok(copy, " "); w != NULL && count < WORDS; w = strtok(NULL, " "))
			words[count++] = w;
		if (count > 0 && !context(count, words, rest) && !find(count, words, rest) &&
		    !change(count, words, rest) && !tell(words[0]) &&
		    !surroundings(words[0], rest)) {
			printf("no command: %s\n", words[0]);
			return 2;
		}
		fflush(stdout);
		free(copy);
	}
	if (ctx != NULL)
		end_context();
	return 0;
}
