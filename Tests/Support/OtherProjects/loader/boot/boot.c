#include <loader.h>
int boot(int board) { return crc(board) + (int)(unsigned long)version; }
