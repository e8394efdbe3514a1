/* Has no way out. */
#include <linux/module.h>
static int __init begin(void) { return 0; }
module_init(begin);
MODULE_LICENSE("GPL");
