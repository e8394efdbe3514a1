/* Offers a symbol, and takes its time to start. */
#include <linux/delay.h>
#include <linux/module.h>
int hint_slow(void);
int hint_slow(void) { return 0; }
EXPORT_SYMBOL(hint_slow);
static int __init begin(void)
{
	msleep(40000);
	return 0;
}
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
