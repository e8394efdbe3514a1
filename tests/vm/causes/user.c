/* Uses what another module offers; which, the build says. */
#include <linux/module.h>
#if defined(PLAIN)
int hint_plain(VALUE value);
static int __init begin(void) { return hint_plain(0); }
#elif defined(SPACED)
int hint_spaced(void);
static int __init begin(void) { return hint_spaced(); }
MODULE_IMPORT_NS(HINT_SPACE);
#elif defined(FREE)
int hint_free(void);
static int __init begin(void) { return hint_free(); }
#elif defined(SLOW)
int hint_slow(void);
static int __init begin(void) { return hint_slow(); }
#else
int hint_of_nobody(void);
static int __init begin(void) { return hint_of_nobody(); }
#endif
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL v2");
