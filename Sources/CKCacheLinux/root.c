#include "include/kcache_linux.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int kcache_open_in_root(int rootfd, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, rootfd, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return fd < 0 ? -errno : (int)fd;
}

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define NATIVE AUDIT_ARCH_RISCV64
#else
#define NATIVE 0
#endif

int kcache_terminal_filter(void) {
#ifndef TIOCSTI
#define TIOCSTI 0x5412
#endif
#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif
    // 16 on x86_64 (514 with bit 30 as x32), 54 on i386 and arm, 29 on arm64 and riscv: a call with one of these
    // numbers and such a command is refused on any of them; no other call takes these commands.
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x3fffffff),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 16, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 514, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 54, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 29, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    int fd = memfd_create("kcache", 0);
    if (fd < 0) return -errno;
    if (write(fd, program, sizeof program) != (ssize_t)sizeof program || lseek(fd, 0, SEEK_SET) < 0) {
        int error = errno ? errno : EIO;
        close(fd);
        return -error;
    }
    return fd;
}

// The first process that /proc names as a child of this one; 0 if there is none. Calls only what a signal's handler may.
pid_t kcache_first_child(pid_t parent) {
    char path[64] = "/proc/", digits[16];
    int count = 0;
    for (unsigned long n = (unsigned long)parent; n || !count; n /= 10) digits[count++] = (char)('0' + n % 10);
    char *at = path + 6;
    for (int i = count; i > 0; i--) *at++ = digits[i - 1];
    memcpy(at, "/task/", 6);
    at += 6;
    for (int i = count; i > 0; i--) *at++ = digits[i - 1];
    memcpy(at, "/children", 10);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[32];
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    pid_t child = 0;
    for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) child = child * 10 + (text[i] - '0');
    return child;
}
