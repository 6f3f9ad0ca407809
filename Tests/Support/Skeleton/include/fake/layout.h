#define FAKE_BASE 0xffffffff81000000
