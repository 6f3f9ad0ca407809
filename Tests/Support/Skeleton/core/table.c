const char *const fake_table[] = {
#include "table.h"
};
