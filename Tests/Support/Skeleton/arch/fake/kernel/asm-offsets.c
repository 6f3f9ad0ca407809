#include <linux/kbuild.h>
#include <generated/bounds.h>
#include <fake/task.h>

int main(void)
{
	OFFSET(FAKE_TASK_STATE, task, state);
	DEFINE(FAKE_TASK_BOUND, FAKE_BOUND);
	return 0;
}
