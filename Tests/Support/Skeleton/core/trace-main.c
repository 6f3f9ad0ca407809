#include <linux/export.h>
#include <fake/trace.h>
#include <fake/limits.h>

static const char *names[FAKE_LIMIT];
int trace_deep(int value);

void trace_event(const char *name, int value)
{
#ifdef CONFIG_TRACE_DEEP
	value = trace_deep(value);
#endif
	names[value % FAKE_LIMIT] = name;
}
EXPORT_SYMBOL(trace_event);
