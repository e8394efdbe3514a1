/* What the parts of the program `ask` share. */
#ifndef ASK_H
#define ASK_H

#include <libkmod.h>

/* A text or "(null)". */
const char *text(const char *s);

/* show.c: each prints one kind of thing that the library gives. */
void show_module(struct kmod_module *mod);
void show_modules(const char *what, int rc, struct kmod_list *list);
void show_state(struct kmod_module *mod);
void show_info(struct kmod_module *mod);
void show_versions(struct kmod_module *mod);
void show_symbols(struct kmod_module *mod);
void show_needs(struct kmod_module *mod);
void show_sections(struct kmod_module *mod);
void show_config(struct kmod_ctx *ctx, const char *kind);

/* lookups.c: looks up each line of a file. */
void look_up_all(struct kmod_ctx *ctx, const char *path);

/* null.c: calls every function with nothing. */
void call_all_with_null(void);
/* misuse.c: what a caller should not do, and some do. */
void misuse(struct kmod_ctx *ctx, const char *what);

#endif
