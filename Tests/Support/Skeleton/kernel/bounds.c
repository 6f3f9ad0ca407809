#include <linux/kbuild.h>
#include <fake/limits.h>

int main(void)
{
	DEFINE(FAKE_BOUND, FAKE_LIMIT);
	return 0;
}
