#include <linux/types.h>

void *memcpy(void *to, const void *from, unsigned long count)
{
	char *t = to;
	const char *f = from;

	while (count--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, unsigned long count)
{
	char *t = to;

	while (count--)
		*t++ = byte;
	return to;
}
