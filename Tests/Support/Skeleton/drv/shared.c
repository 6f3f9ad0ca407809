#include <linux/module.h>
#include <fake/bus.h>

int shared_value(int number) { return number + 1; }
EXPORT_SYMBOL(shared_value);
MODULE_LICENSE("GPL");
