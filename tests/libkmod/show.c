/* What the library gives, as lines of text. */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *text(const char *s)
{
	return s == NULL ? "(null)" : s;
}

void show_module(struct kmod_module *mod)
{
	printf("  %s path=%s options=[%s] install=[%s] remove=[%s]\n",
	       text(kmod_module_get_name(mod)), text(kmod_module_get_path(mod)),
	       text(kmod_module_get_options(mod)), text(kmod_module_get_install_commands(mod)),
	       text(kmod_module_get_remove_commands(mod)));
}

/* The names of a list, forwards and backwards; frees it. */
void show_modules(const char *what, int rc, struct kmod_list *list)
{
	struct kmod_list *entry;

	printf("%s: %d:", what, rc);
	kmod_list_foreach(entry, list) {
		struct kmod_module *mod = kmod_module_get_module(entry);

		printf(" %s", text(kmod_module_get_name(mod)));
		kmod_module_unref(mod);
	}
	if (list != NULL && kmod_list_next(list, list) != NULL) {
		printf(" |");
		kmod_list_foreach_reverse(entry, list) {
			struct kmod_module *mod = kmod_module_get_module(entry);

			printf(" %s", text(kmod_module_get_name(mod)));
			kmod_module_unref(mod);
		}
	}
	printf("\n");
	if (kmod_module_unref_list(list) != 0)
		printf("the list is not freed\n");
}

void show_state(struct kmod_module *mod)
{
	int state = kmod_module_get_initstate(mod);
	const char *word = state < 0 ? "-" : kmod_module_initstate_str(state);

	printf("state: %d %s", state, text(word));
	printf(" refcnt=%d size=%ld\n", kmod_module_get_refcnt(mod), kmod_module_get_size(mod));
}

void show_info(struct kmod_module *mod)
{
	struct kmod_list *list = NULL, *entry;

	printf("info: %d\n", kmod_module_get_info(mod, &list));
	kmod_list_foreach(entry, list)
		printf("  [%s]=[%s]\n", text(kmod_module_info_get_key(entry)),
		       text(kmod_module_info_get_value(entry)));
	kmod_module_info_free_list(list);
}

/* A list of symbols with their checksums, and the functions that read it. */
static void show_checksums(const char *what, int rc, struct kmod_list *list,
			   const char *(*name)(const struct kmod_list *),
			   uint64_t (*crc)(const struct kmod_list *),
			   void (*end)(struct kmod_list *))
{
	struct kmod_list *entry;

	printf("%s: %d\n", what, rc);
	kmod_list_foreach(entry, list)
		printf("  %s 0x%08" PRIx64 "\n", text(name(entry)), crc(entry));
	end(list);
}

void show_versions(struct kmod_module *mod)
{
	struct kmod_list *list = NULL;
	int rc = kmod_module_get_versions(mod, &list);

	show_checksums("versions", rc, list, kmod_module_version_get_symbol,
		       kmod_module_version_get_crc, kmod_module_versions_free_list);
}

void show_symbols(struct kmod_module *mod)
{
	struct kmod_list *list = NULL;
	int rc = kmod_module_get_symbols(mod, &list);

	show_checksums("symbols", rc, list, kmod_module_symbol_get_symbol,
		       kmod_module_symbol_get_crc, kmod_module_symbols_free_list);
}

void show_needs(struct kmod_module *mod)
{
	struct kmod_list *list = NULL, *entry;

	printf("needs: %d\n", kmod_module_get_dependency_symbols(mod, &list));
	kmod_list_foreach(entry, list) {
		const char *name = text(kmod_module_dependency_symbol_get_symbol(entry));
		/* dracut-install asks so, and looks for a name within the answer. */
		const char *found = text(kmod_module_symbol_get_symbol(entry));

		printf("  %s %c 0x%08" PRIx64 "%s\n", name,
		       kmod_module_dependency_symbol_get_bind(entry),
		       kmod_module_dependency_symbol_get_crc(entry),
		       strstr(found, name) == NULL ? " not found" : "");
	}
	kmod_module_dependency_symbols_free_list(list);
}

void show_sections(struct kmod_module *mod)
{
	struct kmod_list *list = kmod_module_get_sections(mod), *entry;
	unsigned long sum = 0;
	int count = 0;

	/* They come in the order of the directory: nobody's. */
	kmod_list_foreach(entry, list) {
		const char *name = text(kmod_module_section_get_name(entry));

		count++;
		sum += kmod_module_section_get_address(entry) * strlen(name);
	}
	printf("sections: %d, sum 0x%lx\n", count, sum);
	kmod_module_section_free_list(list);
}

void show_config(struct kmod_ctx *ctx, const char *kind)
{
	static const struct {
		const char *kind;
		struct kmod_config_iter *(*get)(const struct kmod_ctx *ctx);
	} kinds[] = {
		{ "blacklist", kmod_config_get_blacklists },
		{ "install", kmod_config_get_install_commands },
		{ "remove", kmod_config_get_remove_commands },
		{ "alias", kmod_config_get_aliases },
		{ "options", kmod_config_get_options },
		{ "softdep", kmod_config_get_softdeps },
		{ "weakdep", kmod_config_get_weakdeps },
	};

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct kmod_config_iter *iter;

		if (strcmp(kind, "all") != 0 && strcmp(kind, kinds[i].kind) != 0)
			continue;
		iter = kinds[i].get(ctx);
		printf("%s: %s\n", kinds[i].kind,
		       kmod_config_iter_get_key(iter) == NULL ? "before the first" : "?");
		while (kmod_config_iter_next(iter)) {
			const char *key = kmod_config_iter_get_key(iter);
			const char *value = kmod_config_iter_get_value(iter);

			printf("  [%s] [%s]\n", text(key), text(value));
			/* Asked again, it says the same. */
			if (value != NULL &&
			    strcmp(value, text(kmod_config_iter_get_value(iter))) != 0)
				printf("  another value\n");
		}
		/* Behind the last one stands the first again. */
		printf("  behind the last [%s]", text(kmod_config_iter_get_key(iter)));
		if (kmod_config_iter_next(iter))
			printf(", then [%s]", text(kmod_config_iter_get_key(iter)));
		printf("\n");
		kmod_config_iter_free_iter(iter);
	}
}
