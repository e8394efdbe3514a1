/* Has parameters, and fails to start with the errno that one of them says. */
#include <linux/delay.h>
#include <linux/module.h>
static int fails;
module_param(fails, int, 0);
static int wait_ms;
module_param(wait_ms, int, 0);
static bool speaks = true;
module_param(speaks, bool, 0);
static int even;
static int set_even(const char *text, const struct kernel_param *parameter)
{
	int error = param_set_int(text, parameter);
	return error ? error : even % 2 ? -ERANGE : 0;
}
static const struct kernel_param_ops even_ops = { .set = set_even, .get = param_get_int };
module_param_cb(even, &even_ops, &even, 0);
static int __init begin(void)
{
	if (wait_ms)
		msleep(wait_ms);
	if (fails && speaks)
		pr_err("the board does not answer\n");
	return -fails;
}
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
