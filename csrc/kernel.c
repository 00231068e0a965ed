/* The kernel interface, and a loop that is worth doing without Python: split what a read returned. Nothing here
   allocates; each function is called with Python's lock released.

   A call that fails gives -errno. errno itself would be read in a later step of the interpreter, and before that
   a signal handler may run, which is Python code that makes calls of its own. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Linux 4.18; glibc 2.28. */
#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

/* Linux 4.17, <linux/inotify.h>, which clashes with <sys/inotify.h>. */
#ifndef INOTIFY_IOC_SETNEXTWD
#define INOTIFY_IOC_SETNEXTWD _IOW('I', 0, int32_t)
#endif

enum { LIST_CHUNK = 32768, IC_MOST_READY = 8, IC_DEEPEST = 32, IC_SOME = 64 };

static int ic_result(int result)
{
    return result < 0 ? -errno : result;
}

/* An inotify instance: non-blocking, close-on-exec. */
static int ic_init(void)
{
    return ic_result(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

static int ic_add_watch(int inotify, const char *path, uint32_t mask)
{
    return ic_result(inotify_add_watch(inotify, path, mask));
}

/* Watch exactly the object that is open as fd, whatever its path is by now. */
static int ic_watch_fd(int inotify, int fd, uint32_t mask)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return ic_add_watch(inotify, path, mask);
}

static int ic_rm_watch(int inotify, int wd)
{
    return ic_result(inotify_rm_watch(inotify, wd));
}

static long ic_read(int fd, char *buffer, size_t size)
{
    long got = read(fd, buffer, size);

    return got < 0 ? -errno : got;
}

/* The bytes in the queue of an inotify instance. */
static int ic_queued(int inotify)
{
    int bytes = 0;

    if (ioctl(inotify, FIONREAD, &bytes) < 0)
        return -errno;
    return bytes;
}

/* Split a read buffer into columns: one number each per record, and the names, each ended by a NUL.

   Returns the number of records, or -1 - offset of a record that does not fit in the buffer. The columns
   must hold size / sizeof(struct inotify_event) numbers and size bytes of names. That is enough: a record
   takes at least 16 bytes, and gives at most its len bytes of name and one NUL. */
static long ic_split(const char *buffer, size_t size, int32_t *wds, uint32_t *masks, uint32_t *cookies,
                     char *names, size_t *names_size)
{
    struct inotify_event record;
    size_t at = 0, filled = 0;
    long count = 0;

    while (at < size) {
        size_t length;

        if (size - at < sizeof record)
            return -1 - (long)at;
        memcpy(&record, buffer + at, sizeof record);
        if (size - at - sizeof record < record.len)
            return -1 - (long)at;
        length = strnlen(buffer + at + sizeof record, record.len);
        memcpy(names + filled, buffer + at + sizeof record, length);
        filled += length;
        names[filled++] = '\0';
        wds[count] = record.wd;
        masks[count] = record.mask;
        cookies[count] = record.cookie;
        count++;
        at += sizeof record + record.len;
    }
    *names_size = filled;
    return count;
}

/* Tests make watch descriptors wrap around with it (CONFIG_CHECKPOINT_RESTORE). */
static int ic_set_next_wd(int inotify, int wd)
{
    return ic_result(ioctl(inotify, INOTIFY_IOC_SETNEXTWD, wd));
}

/* An epoll instance, close-on-exec. */
static int ic_epoll_create(void)
{
    return ic_result(epoll_create1(EPOLL_CLOEXEC));
}

static int ic_epoll_add(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return ic_result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

static int ic_epoll_remove(int epoll, int fd)
{
    return ic_result(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
}

/* The descriptors that are ready, IC_MOST_READY at most; their number. */
static int ic_epoll_wait(int epoll, int *ready, int timeout_ms)
{
    struct epoll_event events[IC_MOST_READY];
    int count = epoll_wait(epoll, events, IC_MOST_READY, timeout_ms);

    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++)
        ready[i] = events[i].data.fd;
    return count;
}

/* An eventfd: non-blocking, close-on-exec. */
static int ic_eventfd(void)
{
    return ic_result(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

/* A timer, which is readable when it is time: non-blocking, close-on-exec. */
static int ic_timer(void)
{
    return ic_result(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

/* Let a timer be readable from so many nanoseconds from now on, and not before; 0: never. */
static int ic_set_timer(int timer, int64_t after_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = after_ns / 1000000000, .tv_nsec = after_ns % 1000000000}};

    return ic_result(timerfd_settime(timer, 0, &when, NULL));
}
