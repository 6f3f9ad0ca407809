#ifndef _LINUX_EXPORT_INTERNAL_H
#define _LINUX_EXPORT_INTERNAL_H
#define SYMBOL_CRC(sym, crc, sec) \
	asm(".section \"___kcrctab" sec "+" #sym "\", \"a\"\n__crc_" #sym ": .long " #crc "\n.previous\n")
#endif
