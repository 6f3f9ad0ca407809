#include "core.h"

void stats_count(struct task *task)
{
	task->runs++;
}
