#ifndef _LINUX_UUID_H
#define _LINUX_UUID_H
typedef struct { __u8 b[16]; } guid_t;
typedef struct { __u8 b[16]; } uuid_t;
typedef guid_t uuid_le;
#define UUID_STRING_LEN 36
#endif
