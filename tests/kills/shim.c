// Loaded into an app by LD_PRELOAD: counts the calls that change files below KILLS_FOLDER, writes each to KILLS_LOG, and at
// call number KILLS_AT ends the process at once (KILLS_MODE=kill) or fails (KILLS_MODE=error).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder, *mode;
static long at, count;
static int log_file = -1;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void) {
    const char *log = getenv("KILLS_LOG"), *number = getenv("KILLS_AT");
    folder = getenv("KILLS_FOLDER");
    mode = getenv("KILLS_MODE");
    at = number ? atol(number) : 0;
    if (log) log_file = NEXT(open)(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    unsetenv("LD_PRELOAD");  // not in gnuplot
}

/// Whether the call is the one that fails. Ends the process where it is the one that kills.
static int fails(const char* call, const char* path) {
    char whole[PATH_MAX], line[PATH_MAX + 64], here[PATH_MAX];
    if (!folder) return 0;
    if (path[0] == '/')
        snprintf(whole, sizeof whole, "%s", path);
    else
        snprintf(whole, sizeof whole, "%.2000s/%.2000s", getcwd(here, sizeof here) ? here : "", path);
    if (strncmp(whole, folder, strlen(folder)) != 0) return 0;
    const long number = __sync_add_and_fetch(&count, 1);
    if (log_file >= 0) {
        const int size = snprintf(line, sizeof line, "%ld %s %s\n", number, call, whole);
        if (NEXT(write)(log_file, line, (size_t)size) < 0) return 0;
    }
    if (number != at || !mode) return 0;
    if (strcmp(mode, "kill") == 0) raise(SIGKILL);
    errno = strcmp(call, "write") == 0 ? ENOSPC : EIO;
    return 1;
}

static int fails_on(const char* call, int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return fails(call, path);
}

int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t permissions = va_arg(rest, mode_t);
    va_end(rest);
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails("open", path)) return -1;
    return NEXT(open)(path, flags, permissions);
}
ssize_t write(int descriptor, const void* bytes, size_t size) {
    return fails_on("write", descriptor) ? -1 : NEXT(write)(descriptor, bytes, size);
}
int fsync(int descriptor) {
    return fails_on("fsync", descriptor) ? -1 : NEXT(fsync)(descriptor);
}
int fchmod(int descriptor, mode_t permissions) {
    return fails_on("fchmod", descriptor) ? -1 : NEXT(fchmod)(descriptor, permissions);
}
int rename(const char* from, const char* to) {
    return fails("rename", to) ? -1 : NEXT(rename)(from, to);
}
int unlink(const char* path) {
    return fails("unlink", path) ? -1 : NEXT(unlink)(path);
}
int remove(const char* path) {
    return fails("remove", path) ? -1 : NEXT(remove)(path);
}
int mkdir(const char* path, mode_t permissions) {
    return fails("mkdir", path) ? -1 : NEXT(mkdir)(path, permissions);
}
