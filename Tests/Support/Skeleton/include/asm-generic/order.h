#define FAKE_ORDER 1
