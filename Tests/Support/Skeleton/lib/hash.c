#include <linux/export.h>
unsigned int hash_text(const char *s)
{
	unsigned int h = 5381;

	while (*s)
		h = h * 33 + *s++;
	return h;
}
EXPORT_SYMBOL(hash_text);
