#include "include/kcache_linux.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int kcache_terminal_device(int fd, uint32_t *device) {
    struct termios modes;
    unsigned number = 0;
    if (tcgetattr(fd, &modes) < 0 || ioctl(fd, TIOCGDEV, &number) < 0) return -errno;
    *device = number;
    return 0;
}

int kcache_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) < 0 ? -errno : size.ws_col;
}

int kcache_is_foreground(int fd) {
    // A terminal that is not this process's own has no say in its jobs.
    pid_t group = tcgetpgrp(fd);
    return group < 0 || group == getpgrp();
}

int kcache_copy_window(int from, int to) {
    struct winsize size;
    return ioctl(from, TIOCGWINSZ, &size) < 0 || ioctl(to, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int kcache_window(int fd, unsigned short *columns, unsigned short *rows) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

int kcache_set_window(int fd, unsigned short columns, unsigned short rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

// Above the three that have a meaning, whichever of these the caller was started without.
static int moved_up(int fd) {
    if (fd < 0) return -errno;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (moved < 0) moved = -errno;
    close(fd);
    return moved;
}

int kcache_open_pty(int like, int *master, int *slave) {
    struct termios modes;
    char name[64];
    int result = 0;
    *master = *slave = -1;
    *master = moved_up(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (*master < 0) return *master;
    if (grantpt(*master) < 0 || unlockpt(*master) < 0) result = -errno;
    else if ((errno = ptsname_r(*master, name, sizeof name)) != 0) result = -errno;
    else if ((*slave = moved_up(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC))) < 0) result = *slave;
    else if (tcgetattr(like < 0 ? *slave : like, &modes) < 0) result = -errno;
    if (result == 0) {
        // The bytes are to come out as they went in; the real terminal does the rest.
        modes.c_oflag &= ~(tcflag_t)OPOST;
        modes.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | TOSTOP);
        if (tcsetattr(*slave, TCSANOW, &modes) < 0 || fcntl(*master, F_SETFL, O_NONBLOCK) < 0) result = -errno;
    }
    if (result == 0) {
        if (like >= 0) kcache_copy_window(like, *slave);
        return 0;
    }
    if (*slave >= 0) close(*slave);
    close(*master);
    *master = *slave = -1;
    return result;
}

static volatile sig_atomic_t window_pipe = -1;

static void on_window(int signal) {
    (void)signal;
    int saved = errno;
    int fd = window_pipe;
    if (fd >= 0) {
        // A full pipe wakes its reader all the same.
        ssize_t ignored = write(fd, "w", 1);
        (void)ignored;
    }
    errno = saved;
}

void kcache_watch_window(int fd) {
    struct sigaction action = {.sa_handler = fd < 0 ? SIG_DFL : on_window, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    window_pipe = fd;
    sigaction(SIGWINCH, &action, NULL);
}

int kcache_wake_pipe(int ends[2]) {
    int made[2];
    if (pipe2(made, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    ends[0] = moved_up(made[0]);
    ends[1] = moved_up(made[1]);
    if (ends[0] >= 0 && ends[1] >= 0) return 0;
    int result = ends[0] < 0 ? ends[0] : ends[1];
    if (ends[0] >= 0) close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
    return result;
}

struct start {
    void (*body)(void *);
    void *context;
};

static void *run_body(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    start.body(start.context);
    return NULL;
}

int kcache_start_thread(void (*body)(void *), void *context, unsigned long *thread) {
    struct start *start = malloc(sizeof *start);
    if (!start) return -ENOMEM;
    *start = (struct start){body, context};
    // What ends a process is for the thread that waits. What stops it (SIGTSTP, SIGTTOU) stops every thread.
    sigset_t ending, before;
    sigemptyset(&ending);
    const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGWINCH};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&ending, signals[i]);
    pthread_sigmask(SIG_BLOCK, &ending, &before);
    pthread_t made;
    int result = -pthread_create(&made, NULL, run_body, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result < 0) free(start);
    else *thread = made;
    return result;
}

int kcache_join_thread(unsigned long thread) { return -pthread_join((pthread_t)thread, NULL); }
