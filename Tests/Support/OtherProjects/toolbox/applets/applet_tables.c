#include "applets.h"
int main(void) { return 0; }
