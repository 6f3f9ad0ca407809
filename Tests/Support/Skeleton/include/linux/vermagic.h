#include <generated/utsrelease.h>
#define VERMAGIC_STRING UTS_RELEASE " fake"
