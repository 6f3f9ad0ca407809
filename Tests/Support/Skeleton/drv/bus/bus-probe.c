#include <fake/bus.h>
#include "bus-private.h"

int bus_probe(int number)
{
#ifdef CONFIG_BUS_DEBUG
	bus_debug(number);
#endif
	return shared_value(number);
}
