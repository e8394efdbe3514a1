/* Many lookups, and as little else as can be: what is measured. */
#include "ask.h"

#include <stdio.h>
#include <string.h>

void look_up_all(struct kmod_ctx *ctx, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];
	long modules = 0;
	size_t bytes = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		struct kmod_list *list = NULL, *entry;

		line[strcspn(line, "\n")] = '\0';
		kmod_module_new_from_lookup(ctx, line, &list);
		kmod_list_foreach(entry, list) {
			struct kmod_module *mod = kmod_module_get_module(entry);

			modules++;
			bytes += strlen(text(kmod_module_get_name(mod)));
			kmod_module_unref(mod);
		}
		kmod_module_unref_list(list);
	}
	printf("lookups: %ld modules, %zu bytes of names\n", modules, bytes);
	if (file != NULL)
		fclose(file);
}
