#define BUILD_SALT
