/* Offers a symbol, one in a namespace, one for the GPL alone. */
#include <linux/module.h>
int hint_plain(VALUE value);
int hint_plain(VALUE value) { return (int)value; }
EXPORT_SYMBOL(hint_plain);
int hint_spaced(void);
int hint_spaced(void) { return 0; }
EXPORT_SYMBOL_NS(hint_spaced, HINT_SPACE);
int hint_free(void);
int hint_free(void) { return 0; }
EXPORT_SYMBOL_GPL(hint_free);
MODULE_LICENSE("GPL");
