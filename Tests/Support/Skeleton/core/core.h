#include <fake/task.h>
int queue_add(struct task *task);
void stats_count(struct task *task);
