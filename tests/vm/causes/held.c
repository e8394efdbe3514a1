/* Holds itself until a parameter says that it need not. */
#include <linux/module.h>
static bool held = true;
static int set_held(const char *text, const struct kernel_param *parameter)
{
	bool was = held;
	int error = param_set_bool(text, parameter);
	if (!error && was && !held && THIS_MODULE->state == MODULE_STATE_LIVE)
		module_put(THIS_MODULE);
	return error;
}
static const struct kernel_param_ops held_ops = { .set = set_held, .get = param_get_bool };
module_param_cb(held, &held_ops, &held, 0600);
static int __init begin(void) { __module_get(THIS_MODULE); return 0; }
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
