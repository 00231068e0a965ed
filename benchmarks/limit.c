/* The limit: what the same work costs with the bare system calls and nothing around them.

   limit drain|consume|crawl|rename|latency|idle ROOT flat|tree [SECONDS [LAST]]

   To consume is to drain with one kind of event more, IN_OPEN. It speaks the protocol of benchmarks/measured: it watches, says what that took, stops itself or says "ready",
   and ends with one line of JSON. Times are of CLOCK_MONOTONIC, which all processes share. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct entry64 {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

enum { READ_SIZE = 65536, LIST_SIZE = 32768, DRAINS = 3 };

static uint32_t asked = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE |
                        IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

static int inotify;
static long directories, entries;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Watch the directory that is open as fd, by its descriptor as a watcher must that is not to be led astray. */
static void watch(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (inotify_add_watch(inotify, path, asked) < 0)
        fail("inotify_add_watch");
    directories++;
}

/* Watch first, list second; the entries are counted, not kept. */
static void crawl(int fd)
{
    _Alignas(8) char chunk[LIST_SIZE];
    long got;

    watch(fd);
    if (lseek(fd, 0, SEEK_SET) < 0)
        fail("lseek");
    while ((got = syscall(SYS_getdents64, fd, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry64 *entry = (const void *)(chunk + at);

            at += entry->length;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
                continue;
            entries++;
            if (entry->type == DT_DIR) {
                int below = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (below < 0)
                    fail("openat");
                crawl(below);
                close(below);
            }
        }
    }
    if (got < 0)
        fail("getdents64");
}

static char buffer[READ_SIZE] __attribute__((aligned(8)));

/* Read and walk. Each event about LAST, or whose name begins with it if it ends in '*', ends the walk. */
static long walk_until(const char *last)
{
    size_t length = strlen(last);
    int prefix = length > 0 && last[length - 1] == '*';
    long count = 0;

    for (;;) {
        ssize_t got = read(inotify, buffer, sizeof buffer);

        if (got < 0 && errno != EINTR)
            fail("read");
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const void *)(buffer + at);

            at += sizeof *event + event->len;
            count++;
            if (event->len == 0)
                continue;
            if (prefix ? strncmp(event->name, last, length - 1) == 0 : strcmp(event->name, last) == 0)
                return count;
        }
    }
}

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    unsigned timeout = argc > 4 ? strtoul(argv[4], NULL, 10) : 60;
    const char *mode = argc > 3 ? argv[1] : "", *last = argc > 5 ? argv[5] : "";
    int64_t began, took, ended = 0, used = 0;
    long count = 0;
    int fd;

    if (argc < 4) {
        fputs("usage: limit drain|consume|crawl|rename|latency|idle ROOT flat|tree [SECONDS [LAST]]\n", stderr);
        return 2;
    }
    if (strcmp(mode, "consume") == 0)
        asked |= IN_OPEN;
    alarm(timeout);
    began = now(CLOCK_MONOTONIC);
    if ((inotify = inotify_init1(IN_CLOEXEC)) < 0)
        fail("inotify_init1");
    if ((fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        fail(argv[2]);
    if (strcmp(argv[3], "tree") == 0)
        crawl(fd);
    else
        watch(fd);
    close(fd);
    took = now(CLOCK_MONOTONIC) - began;
    if (strcmp(mode, "drain") == 0 || strcmp(mode, "consume") == 0) {
        for (int round = 0; round < DRAINS; round++) {
            char end[64];

            snprintf(end, sizeof end, "%s%d", last, round);
            alarm(0);
            raise(SIGSTOP);
            alarm(timeout);
            used = now(CLOCK_PROCESS_CPUTIME_ID);
            count = walk_until(end);
            used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
            ended = now(CLOCK_MONOTONIC);
            if (round < DRAINS - 1) {
                printf("{\"seen\": %ld, \"ended\": %lld, \"used\": %lld}\n", count, (long long)ended,
                       (long long)used);
                fflush(stdout);
            }
        }
    } else if (strcmp(mode, "rename") == 0) {
        ready();
        for (int round = 0;; round++) {
            char probes[64];

            snprintf(probes, sizeof probes, "%s%d-*", last, round);
            walk_until(probes);
            printf("%lld\n", (long long)now(CLOCK_MONOTONIC));
            fflush(stdout);
        }
    } else if (strcmp(mode, "latency") == 0) {
        ready();
        for (;;) {
            walk_until(last);
            printf("%lld\n", (long long)now(CLOCK_MONOTONIC));
            fflush(stdout);
        }
    } else if (strcmp(mode, "idle") == 0) {
        ready();
        walk_until("");
    }
    printf("{\"seen\": %ld, \"ended\": %lld, \"used\": %lld, \"took\": %lld, \"watches\": %ld, \"entries\": %ld}\n",
           count, (long long)ended, (long long)used, (long long)took, directories, entries);
    return 0;
}
