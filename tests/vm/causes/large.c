/* Needs more memory than kernels have for modules. */
#include <linux/module.h>
static char large[1600u << 20];
static int __init begin(void)
{
	large[0] = 1;
	return large[1];
}
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
