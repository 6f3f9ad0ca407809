#define __section(name) __attribute__((__section__(name)))
#define __used __attribute__((__used__))
#define __visible __attribute__((__externally_visible__))
