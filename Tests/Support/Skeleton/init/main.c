#include <fake/task.h>
#include <fake/trace.h>
#include <asm/ticks.h>

extern const char fake_banner[];
int core_run(struct task *task);

int fake_main(void)
{
	struct task task = { .name = CONFIG_GREETING, .state = FAKE_TICKS };

	trace_event(fake_banner, task.state);
	return core_run(&task) + cpu_order(&task);
}
