#define FAKE_LIMIT 64
