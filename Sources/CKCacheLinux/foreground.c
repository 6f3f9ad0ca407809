#include "include/kcache_linux.h"
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// What ends or pauses a make; a make takes SIGUSR1 as "switch debugging on".
static const int watched[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1};
enum { watched_count = sizeof watched / sizeof *watched };

static volatile sig_atomic_t child = 0;
static volatile sig_atomic_t early = 0;
static volatile sig_atomic_t generations = 0;

// To the child, or to the program that it runs for this process in a namespace of its own: that one's end is the
// child's too, while a child that goes first would tell nobody inside.
static void pass_on(int signal) {
    pid_t to = (pid_t)child;
    for (int i = 0; i < generations; i++) {
        pid_t next = kcache_first_child(to);
        if (next <= 0) {
            to = (pid_t)child;
            break;
        }
        to = next;
    }
    kill(to, signal);
}

static void on_signal(int signal, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    if (child <= 0)
        early = signal;
    else if (info->si_code <= 0 || (signal == SIGHUP && getsid(0) == getpid()))
        // From a process, and perhaps to this one alone. The kernel's (the terminal's) reach the child too, but
        // for a hangup: of that only the session's leader is told.
        pass_on(signal);
    errno = saved;
}

int kcache_run_foreground(
    const char *program, char *const argv[], char *const envp[], int output, int error, int inner, int *status) {
    struct sigaction before[watched_count];
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    child = 0;
    early = 0;
    generations = inner;
    // A handler before the start and not SIG_IGN: exec resets it, so that the child has what this process had;
    // what was ignored (nohup, a script's background job) stays so in both.
    for (int i = 0; i < watched_count; i++) {
        sigaction(watched[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) sigaction(watched[i], &action, NULL);
    }
    // Make takes these signals whatever its parent has blocked, so they are not blocked here either.
    sigset_t mask, open;
    sigemptyset(&open);
    for (int i = 0; i < watched_count; i++) sigaddset(&open, watched[i]);
    pthread_sigmask(SIG_UNBLOCK, &open, &mask);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error >= 0) posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
    pid_t pid = 0;
    int result = -posix_spawn(&pid, program, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (result == 0) {
        child = (sig_atomic_t)pid;
        if (early) pass_on(early);
        early = 0;
        siginfo_t info;
        // Not reaped yet: until `child` is forgotten no other process can have its number.
        while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {}
        child = 0;
        while (waitpid(pid, status, 0) < 0)
            if (errno != EINTR) {
                result = -errno;
                break;
            }
    }
    for (int i = 0; i < watched_count; i++)
        if (before[i].sa_handler != SIG_IGN) sigaction(watched[i], &before[i], NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    // Came when there was no child any more, so it was meant for this process.
    if (early) raise(early);
    return result;
}

int kcache_replace(const char *program, char *const argv[], char *const envp[]) {
    execve(program, argv, envp);
    return -errno;
}

void kcache_end_as(int status) {
    if (WIFSIGNALED(status)) {
        int signal = WTERMSIG(status);
        // The child has left a core, if there is one to leave.
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigemptyset(&action.sa_mask);
        sigaction(signal, &action, NULL);
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, signal);
        sigprocmask(SIG_UNBLOCK, &only, NULL);
        kill(getpid(), signal);
        // Still here: the first process of a container takes no signal that it does not handle.
        _exit(128 + signal);
    }
    _exit(WEXITSTATUS(status));
}
