/* Fault injection: LD_PRELOAD this, and arm it in a forked child.

   Every call below that touches a path under `root` is counted. The n-th may be the last thing the
   process does, may be done by half, or may fail. Calls elsewhere pass through, uncounted.

   I1  Nothing is counted before fi_arm, or in another process than the one that called it.
   I2  The numbers of a run repeat: they depend on the calls alone.
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, TRACE, BEFORE, AFTER, HALF, ONCE, EVER, SHORT };
enum { PASS, COUNTED, REFUSED, HALVED, LAST };

static int mode = OFF, at, error_number, counted;
static pid_t owner;
static char root[PATH_MAX];
static size_t root_length;
static FILE *record;
static char *text;
static size_t text_size;
static const char *hit = ""; /* the call that met its fate; a run may differ from its trace */

#define REAL(name) \
    static __typeof__(name) *real_##name; \
    if (!real_##name) real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

void fi_arm(const char *where, int how, int number, int with) {
    root_length = strlen(strcpy(root, where));
    at = number;
    error_number = with;
    counted = 0;
    hit = "";
    owner = getpid();
    record = how == TRACE ? open_memstream(&text, &text_size) : NULL;
    mode = how;
}

/* The number of calls so far; the record of a trace is then complete. */
int fi_disarm(void) {
    mode = OFF;
    if (record) fclose(record);
    record = NULL;
    return counted;
}

const char *fi_trace(void) { return text ? text : ""; }

const char *fi_hit(void) { return hit; }

static int inside(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int place_of(int folder, char *place) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = syscall(SYS_readlink, link, place, PATH_MAX - 1);
    place[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static int resolve(int folder, const char *path, char *place) {
    if (!path) return 0;
    if (*path == '/' || folder == AT_FDCWD) {
        snprintf(place, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX];
        if (!place_of(folder, base)) return 0;
        snprintf(place, PATH_MAX, "%.2000s/%.2000s", base, path);
    }
    return inside(place);
}

static int step(const char *name, const char *path, const char *other, long flags) {
    int number = __sync_add_and_fetch(&counted, 1);
    if (record) fprintf(record, "%s\t%s\t%s\t%ld\n", name, path, other, flags);
    int here = number == at;
    if (here) hit = name;
    if (mode == BEFORE && here) die();
    if (mode == AFTER && here) return LAST;
    if ((mode == HALF || mode == SHORT) && here) return HALVED;
    if ((mode == ONCE && here) || (mode == EVER && number >= at)) {
        errno = error_number;
        return REFUSED;
    }
    return COUNTED;
}

/* Adds to a trace that the call before did not succeed. */
static void note(int verdict, long result) {
    int kept = errno;
    if (record && verdict == COUNTED && result == -1) fprintf(record, "failed\t\t\t0\n");
    errno = kept;
}

static int on_path(const char *name, int folder, const char *path, long flags) {
    char place[PATH_MAX];
    if (mode == OFF || getpid() != owner || !resolve(folder, path, place)) return PASS;
    return step(name, place, "", flags);
}

static int on_two(const char *name, int from, const char *old, int to, const char *new) {
    char source[PATH_MAX] = "", target[PATH_MAX] = "";
    if (mode == OFF || getpid() != owner) return PASS;
    int ours = resolve(from, old, source);
    ours |= resolve(to, new, target);
    return ours ? step(name, source, target, 0) : PASS;
}

static int on_file(const char *name, int descriptor, long flags) {
    char place[PATH_MAX];
    int kept = errno;
    if (mode == OFF || getpid() != owner || !place_of(descriptor, place) || !inside(place)) {
        errno = kept;
        return PASS;
    }
    return step(name, place, "", flags);
}

#define DO(verdict, call) \
    int verdict_ = (verdict); \
    if (verdict_ == REFUSED) return -1; \
    __typeof__(call) result_ = (call); \
    if (verdict_ == LAST) die(); \
    note(verdict_, result_); \
    return result_

#define OPENED(symbol) \
    int symbol(const char *path, int flags, ...) { \
        REAL(symbol); \
        va_list rest; va_start(rest, flags); \
        mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        DO(on_path("open", AT_FDCWD, path, flags), real_##symbol(path, flags, bits)); \
    }
OPENED(open)
OPENED(open64)

#define OPENED_AT(symbol) \
    int symbol(int folder, const char *path, int flags, ...) { \
        REAL(symbol); \
        va_list rest; va_start(rest, flags); \
        mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        DO(on_path("open", folder, path, flags), real_##symbol(folder, path, flags, bits)); \
    }
OPENED_AT(openat)
OPENED_AT(openat64)

#define STREAM(symbol) \
    FILE *symbol(const char *path, const char *how) { \
        REAL(symbol); \
        long flags = *how == 'r' ? O_RDONLY : O_WRONLY | O_CREAT; \
        int verdict = on_path("open", AT_FDCWD, path, flags); \
        if (verdict == REFUSED) return NULL; \
        FILE *stream = real_##symbol(path, how); \
        if (verdict == LAST) die(); \
        return stream; \
    }
STREAM(fopen)
STREAM(fopen64)

DIR *opendir(const char *path) {
    REAL(opendir);
    int verdict = on_path("opendir", AT_FDCWD, path, 0);
    if (verdict == REFUSED) return NULL;
    DIR *folder = real_opendir(path);
    if (verdict == LAST) die();
    return folder;
}

/* What is written by half: then dead, or a short count. */
#define WRITTEN(verdict, half, whole) \
    int verdict_ = (verdict); \
    if (verdict_ == REFUSED) return -1; \
    ssize_t result_ = verdict_ == HALVED ? (half) : (whole); \
    if (verdict_ == LAST || (verdict_ == HALVED && mode == HALF)) die(); \
    return result_

#define HALF_OF(size) ((size) > 1 ? (size) / 2 : (size))

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write);
    WRITTEN(on_file("write", file, size), real_write(file, bytes, HALF_OF(size)),
            real_write(file, bytes, size));
}

ssize_t read(int file, void *bytes, size_t size) {
    REAL(read);
    DO(on_file("read", file, size), real_read(file, bytes, size));
}

#define PWRITTEN(symbol, offset_t) \
    ssize_t symbol(int file, const void *bytes, size_t size, offset_t offset) { \
        REAL(symbol); \
        WRITTEN(on_file("write", file, size), real_##symbol(file, bytes, HALF_OF(size), offset), \
                real_##symbol(file, bytes, size, offset)); \
    }
PWRITTEN(pwrite, off_t)
PWRITTEN(pwrite64, off64_t)

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    WRITTEN(on_file("write", file, count), real_writev(file, parts, count > 1 ? count / 2 : count),
            real_writev(file, parts, count));
}

#define SENT(symbol, offset_t) \
    ssize_t symbol(int to, int from, offset_t *offset, size_t size) { \
        REAL(symbol); \
        WRITTEN(on_file("write", to, size), real_##symbol(to, from, offset, HALF_OF(size)), \
                real_##symbol(to, from, offset, size)); \
    }
ssize_t sendfile(int, int, off_t *, size_t);
ssize_t sendfile64(int, int, off64_t *, size_t);
SENT(sendfile, off_t)
SENT(sendfile64, off64_t)

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *place, size_t size,
                        unsigned flags) {
    REAL(copy_file_range);
    WRITTEN(on_file("write", to, size),
            real_copy_file_range(from, start, to, place, HALF_OF(size), flags),
            real_copy_file_range(from, start, to, place, size, flags));
}

int fsync(int file) {
    REAL(fsync);
    DO(on_file("fsync", file, 0), real_fsync(file));
}

int fdatasync(int file) {
    REAL(fdatasync);
    DO(on_file("fsync", file, 1), real_fdatasync(file));
}

int syncfs(int file) {
    REAL(syncfs);
    DO(on_file("syncfs", file, 0), real_syncfs(file));
}

int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    DO(on_file("truncate", file, size), real_ftruncate(file, size));
}

int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    DO(on_file("truncate", file, size), real_ftruncate64(file, size));
}

int fchmod(int file, mode_t bits) {
    REAL(fchmod);
    DO(on_file("chmod", file, bits), real_fchmod(file, bits));
}

int flock(int file, int operation) {
    REAL(flock);
    DO(on_file("flock", file, operation), real_flock(file, operation));
}

int chmod(const char *path, mode_t bits) {
    REAL(chmod);
    DO(on_path("chmod", AT_FDCWD, path, bits), real_chmod(path, bits));
}

int fchmodat(int folder, const char *path, mode_t bits, int flags) {
    REAL(fchmodat);
    DO(on_path("chmod", folder, path, bits), real_fchmodat(folder, path, bits, flags));
}

int mkdir(const char *path, mode_t bits) {
    REAL(mkdir);
    DO(on_path("mkdir", AT_FDCWD, path, bits), real_mkdir(path, bits));
}

int mkdirat(int folder, const char *path, mode_t bits) {
    REAL(mkdirat);
    DO(on_path("mkdir", folder, path, bits), real_mkdirat(folder, path, bits));
}

int unlink(const char *path) {
    REAL(unlink);
    DO(on_path("unlink", AT_FDCWD, path, 0), real_unlink(path));
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    const char *name = flags & AT_REMOVEDIR ? "rmdir" : "unlink";
    DO(on_path(name, folder, path, 0), real_unlinkat(folder, path, flags));
}

int rmdir(const char *path) {
    REAL(rmdir);
    DO(on_path("rmdir", AT_FDCWD, path, 0), real_rmdir(path));
}

int rename(const char *old, const char *new) {
    REAL(rename);
    DO(on_two("rename", AT_FDCWD, old, AT_FDCWD, new), real_rename(old, new));
}

int renameat(int from, const char *old, int to, const char *new) {
    REAL(renameat);
    DO(on_two("rename", from, old, to, new), real_renameat(from, old, to, new));
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    REAL(renameat2);
    DO(on_two("rename", from, old, to, new), real_renameat2(from, old, to, new, flags));
}

int link(const char *old, const char *new) {
    REAL(link);
    DO(on_two("link", AT_FDCWD, old, AT_FDCWD, new), real_link(old, new));
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    REAL(linkat);
    DO(on_two("link", from, old, to, new), real_linkat(from, old, to, new, flags));
}

int symlink(const char *target, const char *path) {
    REAL(symlink);
    DO(on_path("symlink", AT_FDCWD, path, 0), real_symlink(target, path));
}

int symlinkat(const char *target, int folder, const char *path) {
    REAL(symlinkat);
    DO(on_path("symlink", folder, path, 0), real_symlinkat(target, folder, path));
}
