#include <linux/export.h>
#include <fake/task.h>
#include <fake/trace.h>
#include "core.h"

int core_run(struct task *task)
{
	trace_event(task->name, CORE_LEVEL);
	return queue_add(task);
}
EXPORT_SYMBOL(core_run);
