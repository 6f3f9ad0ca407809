#include <fake/layout.h>

ENTRY(_start)
SECTIONS
{
	. = FAKE_BASE;
	_text = .;
	_stext = .;
	.text : { *(.head.text) *(.text .text.*) }
	_etext = .;
	.rodata : { *(.rodata .rodata.*) }
	__ksymtab : { *(SORT(___ksymtab+*)) }
	__ksymtab_gpl : { *(SORT(___ksymtab_gpl+*)) }
	__ksymtab_strings : { *(__ksymtab_strings) }
	.notes : { *(.note.*) }
	_sinittext = .;
	_einittext = .;
	.data : { *(.data .data.*) }
	.bss : { *(.bss .bss.*) *(COMMON) }
	_end = .;
	.modinfo 0 : { *(.modinfo) }
	.comment 0 : { *(.comment) }
	.symtab 0 : { *(.symtab) }
	.strtab 0 : { *(.strtab) }
	.shstrtab 0 : { *(.shstrtab) }
	/DISCARD/ : { *(.note.GNU-stack) *(.discard) *(.discard.*) }
}
