// Linux calls that Swift's Glibc module does not show (it is built without _GNU_SOURCE).
// Each returns what the call returns, or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS.
/// Where the kernel has no openat2 (before 5.6), -ENOSYS.
int kcache_open_beneath(int dirfd, const char *path, int flags, mode_t mode);

/// One readdir-and-lstat pass over an open directory. Calls `visit` for each entry but . and ..
/// Returns 0 or -errno; an entry that vanishes meanwhile is passed over.
struct kcache_stat {
    uint32_t mode, nlink, uid, gid;
    uint64_t ino, dev, size, blocks;
    int64_t mtime_ns, ctime_ns;
};
int kcache_lstatat(int dirfd, const char *name, struct kcache_stat *out);
int kcache_fstat(int fd, struct kcache_stat *out);
/// stat(2), links followed.
int kcache_statat(int dirfd, const char *name, struct kcache_stat *out);
/// The same, but a network filesystem asks its server instead of answering from memory.
int kcache_lstatat_anew(int dirfd, const char *name, struct kcache_stat *out);
int kcache_statat_anew(int dirfd, const char *name, struct kcache_stat *out);
int kcache_fstat_anew(int fd, struct kcache_stat *out);
/// One readdir pass without a stat; . and .. are left out.
typedef void (*kcache_visit_name)(void *context, const char *name, size_t length);
int kcache_read_names(int dirfd, kcache_visit_name visit, void *context);
/// The f_type of statfs(2), or -errno.
int64_t kcache_filesystem_type(int fd);
/// Opens a directory for *at calls only (O_PATH), never through a link at its end.
int kcache_open_path(int dirfd, const char *path);
typedef void (*kcache_visit)(void *context, const char *name, size_t length, const struct kcache_stat *st);
int kcache_read_directory(int dirfd, kcache_visit visit, void *context);

/// utimensat(2) with both times set to `mtime_ns`, never through a symbolic link.
int kcache_set_mtime(int dirfd, const char *name, int64_t mtime_ns);
int kcache_fset_mtime(int fd, int64_t mtime_ns);
/// Sets the time of the last access to what it is: fails as `kcache_set_mtime` would.
int kcache_ask_set_times(int dirfd, const char *name);
/// 1 where the filesystem of an open file is mounted read-only, else 0.
int kcache_is_read_only(int fd);

int kcache_syncfs(int fd);
int kcache_reflink(int to, int from);
/// copy_file_range(2) until `length` bytes are copied or the source ends; bytes copied or -errno.
int64_t kcache_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, uint64_t length);
/// write(2) that fails with EPIPE, and raises no SIGPIPE, where nobody reads a pipe any more; restarted after
/// signals. The number of bytes, or a negative errno.
long kcache_write(int fd, const void *bytes, size_t count);

/// flock(2), restarted after signals; Swift sees only the structure of that name.
int kcache_flock(int fd, int operation);
#include <spawn.h>
int kcache_spawn_add_chdir(posix_spawn_file_actions_t *actions, const char *path);
/// memmem(3): the offset of the first occurrence, or -1.
int64_t kcache_find(const void *bytes, size_t length, const void *needle, size_t needle_length);
int kcache_errno(void);

/// Runs a program with this process's descriptors, group and terminal, and waits: 0 and its wait status, or
/// -errno if it could not be started. Meanwhile signals from processes are passed on; the terminal's reach it
/// by themselves. `output` and `error` take the places of descriptors 1 and 2; -1 leaves those as they are.
/// Not for two threads at once. `inner`: signals are for that many generations below the program: 0 is itself.
int kcache_run_foreground(
    const char *program, char *const argv[], char *const envp[], int output, int error, int inner, int *status);
/// execve(2); returns only -errno.
int kcache_replace(const char *program, char *const argv[], char *const envp[]);
/// Ends this process as a child with that wait status ended: with its exit status, or by the same signal.
void kcache_end_as(int status) __attribute__((noreturn));

/// 0 and the number of the terminal's device, whatever name it was opened by; -ENOTTY if it is none.
int kcache_terminal_device(int fd, uint32_t *device);
/// Columns of the terminal's window, 0 if they are not known.
int kcache_terminal_columns(int fd);
/// 0 if this process is in the background of the terminal, else 1.
int kcache_is_foreground(int fd);
int kcache_copy_window(int from, int to);
/// The size of the terminal's window: 0, or -errno if it is none.
int kcache_window(int fd, unsigned short *columns, unsigned short *rows);
int kcache_set_window(int fd, unsigned short columns, unsigned short rows);
/// A pseudo terminal with the window and modes of `like` (a new one's own, if that is -1) that changes no byte and echoes none. Nobody's
/// controlling terminal. The master does not block.
int kcache_open_pty(int like, int *master, int *slave);
/// Writes a byte to `fd` on each change of the window (SIGWINCH); -1 ends that.
void kcache_watch_window(int fd);
/// A pipe that does not block, neither end in the place of a standard descriptor.
int kcache_wake_pipe(int ends[2]);
/// Starts a thread that takes no signal that would end the process.
int kcache_start_thread(void (*body)(void *), void *context, unsigned long *thread);
int kcache_join_thread(unsigned long thread);

/// An empty file in memory (memfd_create(2)), closed on exec, with a number above the standard descriptors; its
/// descriptor or -errno.
int kcache_memory_file(void);

/// What statvfs(3) tells: bytes that an ordinary user may still write, all bytes, and ST_ flags. 0 or -errno.
struct kcache_room {
    uint64_t available, total;
    int read_only, no_exec;
};
int kcache_room(int fd, struct kcache_room *out);
/// Opens a file without a name on the directory's filesystem (O_TMPFILE): nothing that others see changes; its
/// descriptor, or -errno where there are none such.
int kcache_nameless_file(int dirfd);
/// faccessat(2) as the effective user, links not followed; 0 or -errno.
int kcache_may_write(int dirfd, const char *name);
/// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: links, absolute ones too, are followed as if the directory
/// were `/`. A descriptor or -errno; -ENOSYS where the kernel has no openat2 (before 5.6).
int kcache_open_in_root(int rootfd, const char *path, int flags);
/// A file in memory with a seccomp program by which nothing can be typed into a terminal (TIOCSTI, TIOCLINUX); stays
/// open on exec. A descriptor or -errno.
int kcache_terminal_filter(void);
/// The first child of a process, 0 if there is none or it can't be told. May be called by a signal's handler.
pid_t kcache_first_child(pid_t parent);
