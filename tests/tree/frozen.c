/* For LD_PRELOAD: right before a directory is watched, a directory "late" is made in it.

   FROZEN: a listing ends where it did when its directory was opened, as on btrfs (fs/btrfs/inode.c btrfs_opendir), until
   it is set to its beginning (btrfs_dir_llseek). */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 1024, SIZE = 32768 };

/* By descriptor: what was in the directory when it was opened. */
static char *at_open[MOST];
static long at_open_size[MOST];

static struct dirent64 *entry_at(char *listing, long at)
{
    return (struct dirent64 *)(listing + at);
}

static long getdents(int fd, void *out, long size)
{
    long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall");

    return real(SYS_getdents64, fd, out, size);
}

static void freeze(int fd, int flags)
{
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
    int again;

    if (getenv("FROZEN") == NULL || fd < 0 || fd >= MOST || (flags & O_PATH) || !(flags & O_DIRECTORY))
        return;
    again = real(fd, ".", flags);
    if (at_open[fd] == NULL)
        at_open[fd] = malloc(SIZE);
    at_open_size[fd] = getdents(again, at_open[fd], SIZE);
    close(again);
}

static void thaw(int fd)
{
    if (fd >= 0 && fd < MOST && at_open[fd] != NULL) {
        free(at_open[fd]);
        at_open[fd] = NULL;
    }
}

static int was_there(int fd, const char *name)
{
    for (long at = 0; at < at_open_size[fd]; at += entry_at(at_open[fd], at)->d_reclen)
        if (strcmp(entry_at(at_open[fd], at)->d_name, name) == 0)
            return 1;
    return 0;
}

static long without_what_came_later(int fd, char *out, long got)
{
    long kept = 0, length;

    for (long at = 0; at < got; at += length) {
        length = entry_at(out, at)->d_reclen;
        if (was_there(fd, entry_at(out, at)->d_name)) {
            memmove(out + kept, out + at, (size_t)length);
            kept += length;
        }
    }
    return kept;
}

long syscall(long number, ...)
{
    long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall"), a[6], got;
    va_list rest;

    va_start(rest, number);
    for (int n = 0; n < 6; n++)
        a[n] = va_arg(rest, long);
    va_end(rest);
    got = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number != SYS_getdents64 || got <= 0 || a[0] < 0 || a[0] >= MOST || at_open[a[0]] == NULL)
        return got;
    return without_what_came_later((int)a[0], (char *)a[1], got);
}

#define OPEN(name)                                                                                                   \
    int name(int fd, const char *path, int flags, ...)                                                               \
    {                                                                                                                \
        int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, #name), opened;                                  \
        va_list rest;                                                                                                \
                                                                                                                     \
        va_start(rest, flags);                                                                                       \
        opened = real(fd, path, flags, va_arg(rest, int));                                                           \
        va_end(rest);                                                                                                \
        thaw(opened);                                                                                                \
        freeze(opened, flags);                                                                                       \
        return opened;                                                                                               \
    }

#define SEEK(name, offset)                                                                                           \
    offset name(int fd, offset at, int whence)                                                                       \
    {                                                                                                                \
        offset (*real)(int, offset, int) = dlsym(RTLD_NEXT, #name);                                                  \
                                                                                                                     \
        thaw(fd);                                                                                                    \
        return real(fd, at, whence);                                                                                 \
    }

OPEN(openat)
OPEN(openat64)
SEEK(lseek, off_t)
SEEK(lseek64, off64_t)

/* Once in each directory, and not in what is made here. */
static void make_late(const char *path)
{
    char late[4096], real[4096];

    if (realpath(path, real) == NULL || strstr(real, "/late") != NULL)
        return;
    if (snprintf(late, sizeof late, "%s/late", real) < (int)sizeof late)
        mkdir(late, 0700);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    int (*real)(int, const char *, uint32_t) = dlsym(RTLD_NEXT, "inotify_add_watch");

    make_late(path);
    return real(fd, path, mask);
}
