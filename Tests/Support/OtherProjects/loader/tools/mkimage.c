#include <stdio.h>
#include "lib/crc.c"
int main(void)
{
	int c, sum = 0;
	while ((c = getchar()) != EOF) {
		putchar(c);
		sum = crc(sum + c);
	}
	return printf("%08x", sum) < 0;
}
