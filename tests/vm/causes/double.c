/* Offers a symbol that another module offers too. */
#include <linux/module.h>
int hint_plain(long value);
int hint_plain(long value) { return (int)value; }
EXPORT_SYMBOL(hint_plain);
MODULE_LICENSE("GPL");
