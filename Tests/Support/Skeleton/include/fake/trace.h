#ifndef FAKE_TRACE_H
#define FAKE_TRACE_H
#ifdef CONFIG_TRACE
void trace_event(const char *name, int value);
#else
static inline void trace_event(const char *name, int value) { }
#endif
#endif
