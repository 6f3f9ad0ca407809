#include "include/kcache_linux.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

int kcache_open_beneath(int dirfd, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return fd < 0 ? -errno : (int)fd;
}

// Nanoseconds, at most 146 years away from 1970: filesystems keep seconds that 64 bits of nanoseconds can't
// hold, and two of these can still be subtracted.
static int64_t nanoseconds(struct timespec t) {
    const int64_t most = INT64_C(4611686018);
    if (t.tv_sec >= most) return most * 1000000000;
    if (t.tv_sec <= -most) return -most * 1000000000;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fill(const struct stat *s, struct kcache_stat *out) {
    out->mode = s->st_mode;
    out->nlink = (uint32_t)s->st_nlink;
    out->uid = s->st_uid;
    out->gid = s->st_gid;
    out->ino = s->st_ino;
    out->dev = s->st_dev;
    out->size = (uint64_t)s->st_size;
    out->blocks = (uint64_t)s->st_blocks;
    out->mtime_ns = nanoseconds(s->st_mtim);
    out->ctime_ns = nanoseconds(s->st_ctim);
}

// As a stat, but a network filesystem asks its server: what it remembers may be a minute old, and hide what another
// machine has written since (statx(2), AT_STATX_FORCE_SYNC). Local filesystems answer as ever.
static int asked_anew(int dirfd, const char *name, int flags, struct kcache_stat *out) {
    struct statx s;
    if (statx(dirfd, name, flags | AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &s)) return -errno;
    out->mode = s.stx_mode;
    out->nlink = s.stx_nlink;
    out->uid = s.stx_uid;
    out->gid = s.stx_gid;
    out->ino = s.stx_ino;
    out->dev = makedev(s.stx_dev_major, s.stx_dev_minor);
    out->size = s.stx_size;
    out->blocks = s.stx_blocks;
    out->mtime_ns = nanoseconds((struct timespec){.tv_sec = s.stx_mtime.tv_sec, .tv_nsec = s.stx_mtime.tv_nsec});
    out->ctime_ns = nanoseconds((struct timespec){.tv_sec = s.stx_ctime.tv_sec, .tv_nsec = s.stx_ctime.tv_nsec});
    return 0;
}

// Kernels before 4.11 have no statx, and some filters refuse it.
static int is_refused(int error) { return error == -ENOSYS || error == -EPERM; }

int kcache_lstatat_anew(int dirfd, const char *name, struct kcache_stat *out) {
    int error = asked_anew(dirfd, name, AT_SYMLINK_NOFOLLOW, out);
    return is_refused(error) ? kcache_lstatat(dirfd, name, out) : error;
}

int kcache_statat_anew(int dirfd, const char *name, struct kcache_stat *out) {
    int error = asked_anew(dirfd, name, 0, out);
    return is_refused(error) ? kcache_statat(dirfd, name, out) : error;
}

int kcache_fstat_anew(int fd, struct kcache_stat *out) {
    int error = asked_anew(fd, "", AT_EMPTY_PATH, out);
    return is_refused(error) ? kcache_fstat(fd, out) : error;
}

int kcache_lstatat(int dirfd, const char *name, struct kcache_stat *out) {
    struct stat s;
    if (fstatat(dirfd, name, &s, AT_SYMLINK_NOFOLLOW)) return -errno;
    fill(&s, out);
    return 0;
}

int kcache_fstat(int fd, struct kcache_stat *out) {
    struct stat s;
    if (fstat(fd, &s)) return -errno;
    fill(&s, out);
    return 0;
}

int kcache_statat(int dirfd, const char *name, struct kcache_stat *out) {
    struct stat s;
    if (fstatat(dirfd, name, &s, 0)) return -errno;
    fill(&s, out);
    return 0;
}

// Calls enter with each name but . and .., until it returns something other than 0, which is then the result.
static int each_name(int dirfd, int (*enter)(int, const char *, void *), void *state) {
    // Not dup(2): it would share the read position with every other listing of this directory.
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int error = errno;
        close(fd);
        return -error;
    }
    int result = 0;
    while (!result) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            result = -errno;
            break;
        }
        const char *name = entry->d_name;
        if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
        result = enter(dirfd, name, state);
    }
    closedir(directory);
    return result;
}

struct status_visit {
    kcache_visit visit;
    void *context;
};

static int enter_status(int dirfd, const char *name, void *state) {
    const struct status_visit *to = state;
    struct kcache_stat st;
    int error = kcache_lstatat_anew(dirfd, name, &st);
    if (error == -ENOENT) return 0;
    if (error) return error;
    to->visit(to->context, name, strlen(name), &st);
    return 0;
}

int kcache_read_directory(int dirfd, kcache_visit visit, void *context) {
    struct status_visit to = {visit, context};
    return each_name(dirfd, enter_status, &to);
}

struct name_visit {
    kcache_visit_name visit;
    void *context;
};

static int enter_name(int dirfd, const char *name, void *state) {
    (void)dirfd;
    const struct name_visit *to = state;
    to->visit(to->context, name, strlen(name));
    return 0;
}

int kcache_read_names(int dirfd, kcache_visit_name visit, void *context) {
    struct name_visit to = {visit, context};
    return each_name(dirfd, enter_name, &to);
}

int64_t kcache_filesystem_type(int fd) {
    struct statfs s;
    if (fstatfs(fd, &s)) return -errno;
    return (int64_t)(uint32_t)s.f_type;
}

int kcache_open_path(int dirfd, const char *path) {
    int fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static struct timespec spec(int64_t ns) {
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    if (t.tv_nsec < 0) {
        t.tv_nsec += 1000000000;
        t.tv_sec -= 1;
    }
    return t;
}

int kcache_set_mtime(int dirfd, const char *name, int64_t mtime_ns) {
    struct timespec t[2] = {spec(mtime_ns), spec(mtime_ns)};
    return utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

int kcache_ask_set_times(int dirfd, const char *name) {
    struct stat s;
    if (fstatat(dirfd, name, &s, AT_SYMLINK_NOFOLLOW)) return -errno;
    // A given time needs the same rights for either of the two; `UTIME_OMIT` leaves the other as it is.
    struct timespec t[2] = {s.st_atim, {.tv_nsec = UTIME_OMIT}};
    return utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

int kcache_is_read_only(int fd) {
    struct statvfs s;
    if (fstatvfs(fd, &s)) return -errno;
    return (s.f_flag & ST_RDONLY) != 0;
}

int kcache_fset_mtime(int fd, int64_t mtime_ns) {
    struct timespec t[2] = {spec(mtime_ns), spec(mtime_ns)};
    return futimens(fd, t) ? -errno : 0;
}

int kcache_syncfs(int fd) { return syncfs(fd) ? -errno : 0; }

int kcache_reflink(int to, int from) { return ioctl(to, FICLONE, from) ? -errno : 0; }

int64_t kcache_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, uint64_t length) {
    int64_t done = 0;
    while ((uint64_t)done < length) {
        off64_t a = from_offset + done, b = to_offset + done;
        ssize_t n = copy_file_range(from, &a, to, &b, length - (uint64_t)done, 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (n == 0) break;
        done += n;
    }
    return done;
}

int kcache_errno(void) { return errno; }

long kcache_write(int fd, const void *bytes, size_t count) {
    // A library may not change what a signal does in the whole process; so SIGPIPE is held back in this thread,
    // and one that this write has raised is taken away again.
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    int was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t result;
    do {
        result = write(fd, bytes, count);
    } while (result < 0 && errno == EINTR);
    int error = errno;
    // It is also raised where the reader went after a part was written.
    if (!was_pending && (result < 0 ? error == EPIPE : (size_t)result < count)) {
        const struct timespec none = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result < 0 ? -error : result;
}

int kcache_flock(int fd, int operation) {
    int result;
    do
        result = flock(fd, operation);
    while (result && errno == EINTR);
    return result ? -errno : 0;
}

int kcache_spawn_add_chdir(posix_spawn_file_actions_t *actions, const char *path) {
    return -posix_spawn_file_actions_addchdir_np(actions, path);
}

int64_t kcache_find(const void *bytes, size_t length, const void *needle, size_t needle_length) {
    const char *found = memmem(bytes, length, needle, needle_length);
    return found ? found - (const char *)bytes : -1;
}

int kcache_memory_file(void) {
    int fd = memfd_create("kcache", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    // So that a child's descriptors can be put in place one after the other, none over another's source.
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    int failed = errno;
    close(fd);
    return high < 0 ? -failed : high;
}

int kcache_room(int fd, struct kcache_room *out) {
    struct statvfs v;
    if (fstatvfs(fd, &v)) return -errno;
    const uint64_t block = v.f_frsize ? v.f_frsize : v.f_bsize;
    out->available = (uint64_t)v.f_bavail * block;
    out->total = (uint64_t)v.f_blocks * block;
    out->read_only = (v.f_flag & ST_RDONLY) != 0;
    out->no_exec = (v.f_flag & ST_NOEXEC) != 0;
    return 0;
}

int kcache_nameless_file(int dirfd) {
    int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int kcache_may_write(int dirfd, const char *name) {
    return faccessat(dirfd, name, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}
