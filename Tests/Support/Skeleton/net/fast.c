#include "net.h"

int fast_path(int kind) { return socket_open(kind) * CONFIG_HZ; }
