#ifndef _LINUX_EXPORT_H
#define _LINUX_EXPORT_H
struct kernel_symbol {
	unsigned long value;
	const char *name;
	const char *space;
};

#define EXPORT_SYMBOL(sym)						\
	extern typeof(sym) sym;						\
	extern const char __kstrtab_##sym[];				\
	extern const char __kstrtabns_##sym[];				\
	asm("	.section \"__ksymtab_strings\", \"aMS\", %progbits, 1\n"	\
	    "__kstrtab_" #sym ":	.asciz \"" #sym "\"\n"		\
	    "__kstrtabns_" #sym ":	.asciz \"\"\n"			\
	    "	.previous\n");						\
	static const struct kernel_symbol __ksymtab_##sym		\
	__attribute__((section("___ksymtab+" #sym), used)) =		\
	{ (unsigned long)&sym, __kstrtab_##sym, __kstrtabns_##sym }
#endif
