//applet:APPLET(echo)
//kbuild:obj-y += echo.o
#include <toolbox.h>
int echo_main(void) { return helper(1); }
