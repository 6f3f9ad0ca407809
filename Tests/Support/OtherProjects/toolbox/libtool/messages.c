#include <toolbox.h>
const char *version(void) { return "toolbox (" AUTOCONF_TIMESTAMP ")"; }
