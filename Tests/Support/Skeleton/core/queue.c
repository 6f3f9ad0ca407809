#include <linux/export.h>
#include "core.h"

static struct task *queue[QUEUE_DEPTH];

int queue_add(struct task *task)
{
	int i = task->state % QUEUE_DEPTH;

#ifdef CONFIG_STATS
	stats_count(task);
#endif
	queue[i] = task;
	return i;
}
EXPORT_SYMBOL(queue_add);
