	.section .rodata, "a"
	.globl fake_blob
fake_blob:
	.incbin "core/blob.bin"
	.byte 0
	.section .note.GNU-stack, "", @progbits
