#define NET_KINDS 5
int socket_open(int kind);
