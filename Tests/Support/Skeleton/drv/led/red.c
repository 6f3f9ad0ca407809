#include <linux/module.h>
#include "led.h"

static int red_start(void) { return led_set(0, 1); }
module_init(red_start);
MODULE_LICENSE("GPL");
