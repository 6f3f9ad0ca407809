//applet:APPLET(cat)
//kbuild:obj-y += cat.o
#include <toolbox.h>
int cat_main(void) { return helper(2); }
