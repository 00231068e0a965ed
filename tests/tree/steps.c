/* For LD_PRELOAD: do a step once, between two system calls of a crawl in C, where no test in Python can.

   STEP_AT   "before watch", "after watch", "after look": when
   STEP_OF   the name of the directory that is watched or looked at
   STEP_DO   what to do: lines of "mkdir A", "rename A B" or "symlink A B"
   STEP_DONE a file that is made then, so that the test knows
   NO_UNSHARE, NO_LINKS: unshare(2) is forbidden; the file system is of a kind that counts no links */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static void do_all(void)
{
    char lines[8192], *rest = lines, *line, verb[16], one[4096], other[4096];

    snprintf(lines, sizeof lines, "%s", getenv("STEP_DO"));
    while ((line = strsep(&rest, "\n")) != NULL) {
        int words = sscanf(line, "%15s %4095s %4095s", verb, one, other), failed = 1;

        if (words == 2 && strcmp(verb, "mkdir") == 0)
            failed = mkdir(one, 0755);
        else if (words == 3 && strcmp(verb, "rename") == 0)
            failed = rename(one, other);
        else if (words == 3 && strcmp(verb, "symlink") == 0)
            failed = symlink(one, other);
        if (failed)
            abort();
    }
    close(open(getenv("STEP_DONE"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

static void step(const char *when, const char *path)
{
    static int done;
    const char *at = getenv("STEP_AT"), *name = strrchr(path, '/');

    if (done || at == NULL || strcmp(at, when) != 0)
        return;
    if (strcmp(getenv("STEP_OF"), name == NULL ? path : name + 1) != 0)
        return;
    done = 1;
    do_all();
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    int (*real)(int, const char *, uint32_t) = dlsym(RTLD_NEXT, "inotify_add_watch"), wd;

    step("before watch", path);
    wd = real(fd, path, mask);
    step("after watch", path);
    return wd;
}

#define LOOK(name, kind)                                                                                             \
    int name(int fd, const char *path, struct kind *status, int flags)                                               \
    {                                                                                                                \
        int (*real)(int, const char *, struct kind *, int) = dlsym(RTLD_NEXT, #name), result;                        \
                                                                                                                     \
        result = real(fd, path, status, flags);                                                                      \
        step("after look", path);                                                                                    \
        return result;                                                                                               \
    }

#define FILE_SYSTEM(name, kind)                                                                                      \
    int name(int fd, struct kind *status)                                                                            \
    {                                                                                                                \
        int (*real)(int, struct kind *) = dlsym(RTLD_NEXT, #name), result;                                           \
                                                                                                                     \
        result = real(fd, status);                                                                                   \
        if (getenv("NO_LINKS") != NULL)                                                                              \
            status->f_type = 0x9123683e;                                                                             \
        return result;                                                                                               \
    }

LOOK(fstatat, stat)
LOOK(fstatat64, stat64)
FILE_SYSTEM(fstatfs, statfs)
FILE_SYSTEM(fstatfs64, statfs64)

int unshare(int flags)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "unshare");

    if (getenv("NO_UNSHARE") == NULL)
        return real(flags);
    errno = EPERM;
    return -1;
}
