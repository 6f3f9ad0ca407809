// Emulates a line between two machines: this network namespace, and a new one in which it runs a command.
// usage: link MBIT DELAY_MS COMMAND [ARG…]
//   MBIT      megabits in a second, each way
//   DELAY_MS  milliseconds from one end to the other, one way
// The near end has the address 10.77.0.1, the far one 10.77.0.2. Packets that come while more than BUFFER_S
// seconds' worth wait for the line are dropped, as a home router does. Words on standard input:
//   delay MS  sets the delay; answered by "ok"
//   count     answered by four numbers: bytes of IP packets that went to the far end, that came from there, packets
//             both ways, packets dropped
// When standard input ends, or the command does, all ends: the command gets SIGTERM, and the namespaces go with
// their last process. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN in the user namespace.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, PACKETS = 32768 };
static const double BUFFER_S = 0.1;

struct packet {
    double due;
    int length;
    unsigned char bytes[MTU];
};

// One direction: a ring of packets under way, in the order in which they arrive.
struct way {
    struct packet *ring;
    unsigned first, count;
    double line_free; // when the line has sent what it has taken
    uint64_t bytes;
};

static uint64_t packets, dropped;

static void fail(const char *what) {
    fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void set_up(int socket, const char *name) {
    struct ifreq request = {0};
    strcpy(request.ifr_name, name);
    if (ioctl(socket, SIOCGIFFLAGS, &request)) fail("SIOCGIFFLAGS");
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (ioctl(socket, SIOCSIFFLAGS, &request)) fail("SIOCSIFFLAGS");
}

static void set_address(int socket, unsigned long what, const char *text) {
    struct ifreq request = {0};
    strcpy(request.ifr_name, "link0");
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (ioctl(socket, what, &request)) fail("an interface's address");
}

// A device of this namespace with that address.
static int open_device(const char *address) {
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0) fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strcpy(request.ifr_name, "link0");
    if (ioctl(device, TUNSETIFF, &request)) fail("TUNSETIFF");
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) fail("socket");
    set_address(any, SIOCSIFADDR, address);
    set_address(any, SIOCSIFNETMASK, "255.255.255.0");
    strcpy(request.ifr_name, "link0");
    // The device's own queue stands for the sender's network card. Only real root may change it; 500 will do too.
    request.ifr_qlen = 1000;
    if (ioctl(any, SIOCSIFTXQLEN, &request) && errno != EPERM) fail("SIOCSIFTXQLEN");
    set_up(any, "link0");
    set_up(any, "lo");
    close(any);
    return device;
}

static void send_descriptor(int socket, int descriptor) {
    char byte = 0;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    if (sendmsg(socket, &message, 0) != 1) fail("sendmsg");
}

static int receive_descriptor(int socket) {
    char byte;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message)) {
        fprintf(stderr, "link: the far end could not be set up\n");
        exit(1);
    }
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    return descriptor;
}

// Starts the command in a namespace of its own; its device is the result.
static int start_far(char **command, pid_t *child) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fail("socketpair");
    pid_t parent = getpid();
    *child = fork();
    if (*child < 0) fail("fork");
    if (*child == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent) fail("prctl");
        close(pair[0]);
        if (unshare(CLONE_NEWNET)) fail("a new network namespace");
        int device = open_device("10.77.0.2");
        send_descriptor(pair[1], device);
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, 0);
        dup2(2, 1);
        close(nothing);
        execvp(command[0], command);
        fail(command[0]);
    }
    close(pair[1]);
    int device = receive_descriptor(pair[0]);
    close(pair[0]);
    return device;
}

// Takes what the device has to send, as much as there is room for.
static void take(int device, struct way *way, double rate, double delay) {
    unsigned char bytes[MTU];
    for (int i = 0; i < 64; i++) {
        ssize_t length = read(device, bytes, sizeof bytes);
        if (length <= 0) return;
        // Announcements of IPv6, which nobody uses here.
        if (bytes[0] >> 4 != 4) continue;
        double time = now();
        double start = way->line_free > time ? way->line_free : time;
        if (start - time > BUFFER_S || way->count == PACKETS) {
            dropped++;
            continue;
        }
        way->line_free = start + (double)length / rate;
        struct packet *packet = &way->ring[(way->first + way->count++) % PACKETS];
        packet->due = way->line_free + delay;
        packet->length = (int)length;
        memcpy(packet->bytes, bytes, (size_t)length);
        way->bytes += (uint64_t)length;
        packets++;
    }
}

// Hands over what is due; when the next is, or never (0).
static double deliver(int device, struct way *way) {
    while (way->count) {
        struct packet *packet = &way->ring[way->first];
        if (packet->due > now()) return packet->due;
        if (write(device, packet->bytes, (size_t)packet->length) < 0) dropped++;
        way->first = (way->first + 1) % PACKETS;
        way->count--;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: link MBIT DELAY_MS COMMAND [ARG...]\n");
        return 2;
    }
    double rate = atof(argv[1]) * 1e6 / 8, delay = atof(argv[2]) * 1e-3;
    // As long as the line: whoever started it closes standard input when done.
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000);
    struct way ways[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++)
        if (!(ways[i].ring = calloc(PACKETS, sizeof(struct packet)))) fail("memory");
    pid_t child;
    int devices[2] = {open_device("10.77.0.1"), -1};
    devices[1] = start_far(argv + 3, &child);
    puts("up");
    fflush(stdout);

    char word[64];
    size_t filled = 0;
    for (;;) {
        double next = 0;
        for (int i = 0; i < 2; i++) {
            double due = deliver(devices[!i], &ways[i]);
            if (due && (!next || due < next)) next = due;
        }
        // So that the command's end is seen, too.
        double pause = next ? next - now() : 0.5;
        if (pause < 0) pause = 0;
        struct timespec limit = {(time_t)pause, (long)((pause - (double)(time_t)pause) * 1e9)};
        struct pollfd polled[3] = {{devices[0], POLLIN, 0}, {devices[1], POLLIN, 0}, {0, POLLIN, 0}};
        if (ppoll(polled, 3, &limit, NULL) < 0 && errno != EINTR) fail("poll");
        for (int i = 0; i < 2; i++)
            if (polled[i].revents) take(devices[i], &ways[i], rate, delay);
        if (!next && waitpid(child, NULL, WNOHANG) == child) {
            fprintf(stderr, "link: %s has ended\n", argv[3]);
            return 1;
        }
        if (!polled[2].revents) continue;
        ssize_t length = read(0, word + filled, sizeof word - 1 - filled);
        if (length <= 0) break;
        filled += (size_t)length;
        word[filled] = 0;
        char *end;
        while ((end = strchr(word, '\n'))) {
            *end = 0;
            if (!strncmp(word, "delay ", 6)) {
                delay = atof(word + 6) * 1e-3;
                puts("ok");
            } else if (!strcmp(word, "count")) {
                printf("%llu %llu %llu %llu\n", (unsigned long long)ways[0].bytes,
                    (unsigned long long)ways[1].bytes, (unsigned long long)packets, (unsigned long long)dropped);
            } else {
                printf("unknown: %s\n", word);
            }
            fflush(stdout);
            filled -= (size_t)(end + 1 - word);
            memmove(word, end + 1, filled + 1);
        }
        if (filled == sizeof word - 1) break;
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    return 0;
}
