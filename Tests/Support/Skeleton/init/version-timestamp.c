#include <generated/compile.h>
#include <generated/utsrelease.h>

const char fake_banner[] = "Fake " UTS_RELEASE " (" LINUX_COMPILER ") " UTS_VERSION;
