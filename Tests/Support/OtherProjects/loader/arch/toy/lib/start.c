#include <loader.h>
#include <asm/arch/board.h>
void _start(void) { boot(BOARD_ID); }
