/* A crawl of directories only: most of them are leaves, and a leaf need not be opened, let alone listed.

   On some file systems a directory has two links, its name and its ".", and one more for each directory in it, which
   has a "..". So one with two has none. It is watched by its name in the directory that it is in, which is open, and
   then looked at by that name: two system calls in all.

   Watch first, look second. A directory that is made in between is counted, or its event is queued, for a file system
   counts it before the event is (fs/namei.c vfs_mkdir and vfs_rename call it first and fsnotify last).

   What is looked at may be another directory than what was watched, if the name changed hands in between. Both of
   that is queued, for the directory that it is in was watched before; the caller has to list what these events say
   has moved. Only what is opened is known for sure: it has to have the very watch.

   A watch by /proc/self/fd/N/NAME takes twice the time of one by NAME. So the crawl is done by a thread that has a
   working directory of its own, and has ended when the call returns; where there is none to be had (a sandbox may
   forbid unshare(2)), it is done by way of /proc. */

#include <pthread.h>
#include <sched.h>
#include <signal.h>

/* <linux/fs.h>, which clashes with <sys/mount.h>. */
#ifndef FS_IOC_GETFLAGS
#define FS_IOC_GETFLAGS _IOR('f', 1, long)
#endif

enum {
    /* fs/ext4 ext4_inc_count; 1 for unknown is what a directory has from 65,000 on. ext2 and ext3 are the same. */
    IC_EXT = 0xef53,
    /* fs/xfs/xfs_inode.c xfs_create. */
    IC_XFS = 0x58465342,
    /* FS_CASEFOLD_FL, Linux 5.2. */
    IC_CASEFOLD = 0x40000000,
    IC_LEAF = 2,
    IC_LONGEST_NAME = 255
};

/* The directory in which directories are visited. */
struct ic_within {
    int fd;
    /* Whether the working directory is the crawl's own, to be set. */
    int roams;
    /* Whether the links of directories on this device are counted. */
    int counts;
    uint64_t device;
    /* Where the names in it begin in path: behind nothing if it is the working directory. */
    size_t prefix;
    char path[32 + IC_LONGEST_NAME + 1];
};

/* Whether a directory, open to be read, takes names that fold for one: chattr(1), F; -errno where that can not be asked. */
static int ic_is_casefold(int fd)
{
    int flags = 0;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return -errno;
    return (flags & IC_CASEFOLD) != 0;
}

static int ic_counts_links(int fd)
{
    int64_t kind = ic_file_system(fd);

    return kind == IC_EXT || kind == IC_TMPFS || kind == IC_XFS;
}

/* Have the names in a directory lead to what is in it. */
static void ic_be_within(struct ic_within *within)
{
    within->prefix = 0;
    if (!within->roams || fchdir(within->fd) < 0)
        within->prefix = (size_t)snprintf(within->path, sizeof within->path, "/proc/self/fd/%d/", within->fd);
}

/* Watch a directory by its name; a link there is neither followed nor watched. */
static int ic_watch_within(const struct ic_crawl *crawl, struct ic_within *within, const char *name)
{
    size_t length = strlen(name);

    if (length > IC_LONGEST_NAME)
        return -ENAMETOOLONG;
    memcpy(within->path + within->prefix, name, length + 1);
    return ic_add_watch(crawl->inotify, within->path, crawl->mask | IN_DONT_FOLLOW);
}

/* Open a directory that was watched as wd, and list it; 0, and nothing left open, if that is not to be had. The
   watch is older than the opening, so the listing ends behind it on any file system. */
static int ic_crawl_open(struct ic_crawl *crawl, struct ic_within *below, int parent, const char *name, int wd)
{
    int other;

    below->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below->fd < 0)
        return 0;
    ic_be_within(below);
    other = ic_watch_within(crawl, below, ".");
    if (other == wd && ic_crawl_list(crawl, below->fd))
        return 1;
    if (other > crawl->last_wd) {
        crawl->last_wd = other;
        inotify_rm_watch(crawl->inotify, other);
    }
    close(below->fd);
    below->fd = -1;
    return 0;
}

/* Visit one directory that was watched. It is a leaf, or listed and open as below; 0 if that is not to be had. */
static int ic_crawl_look(struct ic_crawl *crawl, struct ic_within *within, const char *name, int wd,
                         const struct stat *status, struct ic_within *below)
{
    int is_same = status->st_dev == within->device;

    if (is_same && within->counts && status->st_nlink == IC_LEAF)
        return 1;
    below->roams = within->roams;
    below->device = status->st_dev;
    if (!ic_crawl_open(crawl, below, within->fd, name, wd)) {
        ic_be_within(within);
        return 0;
    }
    below->counts = is_same ? within->counts : ic_counts_links(below->fd);
    return 1;
}

/* Watch first, look second; 0, and nothing noted nor watched anew, if that is not to be had. */
static int ic_crawl_one(struct ic_crawl *crawl, struct ic_within *within, const char *name, struct ic_within *below)
{
    struct ic_noted before = ic_noted(crawl);
    struct stat status;
    int wd = ic_watch_within(crawl, within, name);
    int seen = fstatat(within->fd, name, &status, AT_SYMLINK_NOFOLLOW);

    below->fd = -1;
    if (!ic_record_begin(crawl, wd))
        return 0;
    if (seen < 0 || !S_ISDIR(status.st_mode) || !ic_crawl_look(crawl, within, name, wd, &status, below)) {
        ic_crawl_go_back(crawl, before);
        inotify_rm_watch(crawl->inotify, wd);
        return 0;
    }
    crawl->records++;
    return 1;
}

/* Visit directories of one, and all that is below them, depth levels in all; as ic_crawl_visit. */
static void ic_crawl_within(struct ic_crawl *crawl, struct ic_within *within, const char *names, int count, int slot,
                            int depth)
{
    for (; count > 0 && depth > 0; count--, slot++, names += strlen(names) + 1) {
        const char *below_names = crawl->dirs + crawl->dirs_filled;
        int below_slot = crawl->slots;
        struct ic_within below;

        if (ic_is_cut(crawl))
            return;
        if (!ic_crawl_one(crawl, within, names, &below))
            continue;
        crawl->visits[slot] = crawl->records - 1;
        if (below.fd < 0)
            continue;
        ic_crawl_within(crawl, &below, below_names, crawl->slots - below_slot, below_slot, depth - 1);
        close(below.fd);
        ic_be_within(within);
    }
}

/* What a thread that crawls is told. */
struct ic_crawling {
    struct ic_crawl *crawl;
    int fd;
    const char *names;
};

static void ic_crawl_top(const struct ic_crawling *told, int roams)
{
    struct ic_within within = {.fd = told->fd, .roams = roams};
    struct stat status;

    if (fstat(told->fd, &status) < 0)
        return;
    within.device = status.st_dev;
    within.counts = ic_counts_links(told->fd);
    ic_be_within(&within);
    ic_crawl_within(told->crawl, &within, told->names, told->crawl->slots, 0, IC_DEEPEST);
}

static void *ic_crawl_in_thread(void *told)
{
    ic_crawl_top(told, unshare(CLONE_FS) == 0);
    return NULL;
}

/* Do as ic_crawl does, and note directories only. */
static void ic_crawl_directories(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
                                 int64_t limit_ns, int fd, const char *names, uint64_t size)
{
    struct ic_crawling told = {.crawl = crawl, .fd = fd, .names = names};
    sigset_t all, before;
    pthread_t thread;
    int failed;

    ic_crawl_begin(crawl, inotify, mask, last_wd, most, limit_ns, names, size);
    crawl->no_files = 1;
    /* Signals are for the threads that were here before. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, NULL, ic_crawl_in_thread, &told);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        ic_crawl_top(&told, 0);
    else
        pthread_join(thread, NULL);
    crawl->no_files = 0;
}
