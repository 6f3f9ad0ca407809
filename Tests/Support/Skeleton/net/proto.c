#include <linux/module.h>
#include "net.h"

static int proto_start(void) { return socket_open(1); }
module_init(proto_start);
MODULE_LICENSE("GPL");
