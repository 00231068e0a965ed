/* List a directory: getdents64(2), a part at a time, or all of it at once. As in kernel.c nothing here allocates. */

#include <pthread.h>
#include <signal.h>
#include <sys/vfs.h>

enum {
    /* statfs(2), f_type. */
    IC_TMPFS = 0x01021994,
    /* What an entry with a name of 255 bytes takes. */
    IC_LONGEST_ENTRY = 280
};

/* What kind of file system an open file is on: statfs(2), f_type; -errno. */
static int64_t ic_file_system(int fd)
{
    struct statfs status;

    if (fstatfs(fd, &status) < 0)
        return -errno;
    return (int64_t)(uint32_t)status.f_type;
}

struct entry64 {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* 'd' a directory, 'l' a symbolic link, '-' anything else, 0 gone meanwhile. Asked only where the file
   system does not say it in the listing. */
static char kind_by_stat(int fd, const char *name)
{
    struct stat status;

    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : '-';
    return S_ISDIR(status.st_mode) ? 'd' : S_ISLNK(status.st_mode) ? 'l' : '-';
}

static char kind_of(int fd, const struct entry64 *entry)
{
    switch (entry->type) {
    case DT_UNKNOWN:
        return kind_by_stat(fd, entry->name);
    case DT_DIR:
        return 'd';
    case DT_LNK:
        return 'l';
    default:
        return '-';
    }
}

static int is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Entries of the directory as getdents64 gives them, so many bytes, become for each a kind ('d', 'l', '-'), its name, a
   NUL; the bytes of that. It may be done in place, for they become shorter. */
static size_t ic_convert(int fd, const char *entries, size_t size, char *out)
{
    size_t filled = 0;

    for (size_t at = 0; at < size;) {
        const struct entry64 *entry = (const void *)(entries + at);
        char kind = is_dot(entry->name) ? 0 : kind_of(fd, entry);

        at += entry->length;
        if (kind != 0) {
            size_t length = strlen(entry->name) + 1;

            memmove(out + filled + 1, entry->name, length);
            out[filled] = kind;
            filled += 1 + length;
        }
    }
    return filled;
}

/* The next part of a directory, see ic_convert().

   Returns the bytes written, 0 at the end, -errno. One call is one getdents64, which is atomic
   against changes of the directory (fs/readdir.c iterate_dir holds its lock). A part that holds only the
   dot entries is skipped, so that 0 means the end. is_cut: whether it may have ended for want of room. */
static long ic_list(int fd, char *out, size_t size, int *is_cut)
{
    /* getdents64 lays the entries out in 8-byte steps. */
    _Alignas(8) char chunk[LIST_CHUNK];
    size_t filled = 0;

    *is_cut = 0;
    if (size < LIST_CHUNK)
        return -EINVAL;
    while (filled == 0) {
        long got = syscall(SYS_getdents64, fd, chunk, sizeof chunk);

        if (got <= 0)
            return got < 0 ? -errno : 0;
        *is_cut = sizeof chunk - (size_t)got < IC_LONGEST_ENTRY;
        filled = ic_convert(fd, chunk, (size_t)got, out);
    }
    return (long)filled;
}

/* Whether a listing that takes several reads may leave out an entry that stays. tmpfs of Linux 6.18 does, if another is
   moved away or removed in between: where the listing stood is then looked for by number, and those that were renamed
   onto others are not in the order of their numbers (fs/libfs.c offset_iterate_dir, simple_offset_rename). */
static int ic_leaves_out(int fd)
{
    return ic_file_system(fd) == IC_TMPFS;
}

/* Read a directory from its beginning by one getdents64, which a signal would end early. */
static long ic_read_at_once(int fd, char *out, size_t size)
{
    sigset_t all, before;
    long got = -1;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (lseek(fd, 0, SEEK_SET) >= 0)
        got = syscall(SYS_getdents64, fd, out, size);
    got = got < 0 ? -errno : got;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return got;
}

/* All of a directory, from its beginning, as ic_list() has it, and out has to be aligned to 8 bytes. -ENOBUFS if there
   may be more than there is room for. */
static long ic_list_at_once(int fd, char *out, size_t size)
{
    long got;

    if (size < LIST_CHUNK || size > INT32_MAX)
        return -EINVAL;
    got = ic_read_at_once(fd, out, size);
    if (got < 0)
        return got;
    if (size - (size_t)got < IC_LONGEST_ENTRY)
        return -ENOBUFS;
    return (long)ic_convert(fd, out, (size_t)got, out);
}
