#ifndef FAKE_TASK_H
#define FAKE_TASK_H
#include <linux/types.h>
#include <fake/limits.h>

struct task {
	char name[FAKE_LIMIT];
	int state;
#ifdef CONFIG_STATS
	unsigned long runs;
#endif
};
int cpu_order(struct task *task);
#endif
