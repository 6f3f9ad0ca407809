#include <generated/asm-offsets.h>
	.section .head.text, "ax"
	.globl _start
_start:
	movl $FAKE_TASK_STATE, %eax
	call fake_main
	ret
	.section .note.GNU-stack, "", @progbits
