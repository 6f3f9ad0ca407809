#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H
#include <asm/bitsperlong.h>
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef unsigned long size_t;
typedef _Bool bool;
#define NULL ((void *)0)
#define BIT(n) (1UL << (n))
#define offsetof(type, field) __builtin_offsetof(type, field)
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#endif
