#include <linux/module.h>
#include <fake/bus.h>
#include "bus-private.h"

int bus_register(int number)
{
	trace_event("bus", number);
	return bus_probe(number);
}
EXPORT_SYMBOL(bus_register);
MODULE_LICENSE("GPL");
