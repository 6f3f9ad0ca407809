#include <linux/module.h>
#include <fake/bus.h>
#include "led.h"

int led_set(int number, int on)
{
#ifdef CONFIG_LED_BLINK
	number = led_blink(number);
#endif
	return bus_register(number % LED_MAX) + on;
}
EXPORT_SYMBOL(led_set);
MODULE_LICENSE("GPL");
