#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H
#include <linux/types.h>
#include <linux/export.h>

struct module {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
	int arch;
};

#define MODULE_ARCH_INIT 0
#define __MODULE_INFO_1(tag, line, info)				\
	static const char __mod_##tag##line[]				\
	__section(".modinfo") __used = #tag "=" info
#define __MODULE_INFO(tag, line, info) __MODULE_INFO_1(tag, line, info)
#define MODULE_INFO(tag, info) __MODULE_INFO(tag, __LINE__, info)
#define MODULE_LICENSE(text) MODULE_INFO(license, text)
#define MODULE_AUTHOR(text) MODULE_INFO(author, text)
#define MODULE_DESCRIPTION(text) MODULE_INFO(description, text)
#ifdef MODULE
int init_module(void);
#define module_init(f) int init_module(void) __attribute__((alias(#f)))
#else
#define module_init(f) int (*__initcall_##f)(void) __used = f
#endif
#endif
