ENTRY(_start)
SECTIONS
{
	. = 0x10000;
	.text : { *(.text*) }
	.data : { *(.rodata*) *(.data*) *(.bss*) }
	/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}
