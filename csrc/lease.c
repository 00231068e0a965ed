/* Whether anybody has a file open for writing. The kernel knows it, and says it to whoever asks for a read lease:
   there is none while the file is open for writing, or a shared mapping of it can be written to (fcntl(2), F_SETLEASE;
   fs/locks.c check_conflicting_open).

   A lease that is held is in the way of others: to open the file for writing waits for its end, or fails with EAGAIN if
   it may not wait. So it is given back by the next system call, and no signal comes in between. What is told of a lease
   that somebody wants broken is SIGURG, which is ignored unless a program asks for it; SIGIO would end it. */

enum {
    /* fs/btrfs, mm/shmem.c, fs/ramfs, fs/f2fs, fs/jfs, fs/bcachefs, fs/overlayfs; IC_EXT and IC_XFS are in links.c. */
    IC_BTRFS = 0x9123683e,
    IC_RAMFS = 0x858458f6,
    IC_F2FS = 0xf2f52010,
    IC_JFS = 0x3153464a,
    IC_BCACHEFS = 0xca451a4e,
    IC_OVERLAY = 0x794c7630
};

/* What is known of a file that was looked at. */
struct ic_file {
    int64_t size;
    uint64_t device, inode;
};

/* 0 if no one but processes of this kernel writes to the files of a file system, and its leases are about the file
   itself. -EXDEV for an overlay, whose leases are of one layer; -EOPNOTSUPP for all else: FUSE, the network's. */
static int ic_has_true_leases(int fd)
{
    static const uint32_t local[] = {IC_EXT, IC_XFS, IC_BTRFS, IC_TMPFS, IC_RAMFS, IC_F2FS, IC_JFS, IC_BCACHEFS};
    struct statfs status;

    if (fstatfs(fd, &status) < 0)
        return -errno;
    for (size_t at = 0; at < sizeof local / sizeof *local; at++)
        if ((uint32_t)status.f_type == local[at])
            return 0;
    return (uint32_t)status.f_type == IC_OVERLAY ? -EXDEV : -EOPNOTSUPP;
}

/* Have a lease and give it back; 0, or -errno: -EAGAIN if the file is open for writing. */
static int ic_lease_once(int fd)
{
    int failed = ic_has_true_leases(fd);

    if (failed)
        return failed;
    if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return -errno;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return 0;
}

/* Note what a file is; -ENODATA if it is no regular one. */
static int ic_note_file(const struct stat *status, struct ic_file *file)
{
    if (!S_ISREG(status->st_mode))
        return -ENODATA;
    file->size = status->st_size;
    file->device = status->st_dev;
    file->inode = status->st_ino;
    return 0;
}

/* Look at a file, links not followed: 0 if nobody has it open for writing, -EAGAIN if somebody has; -ENODATA: it is no
   regular file, -ENOENT: it is not there. Any other -errno says why that can not be known; then *file is noted still,
   if it can be. */
static int ic_unopened(const char *path, struct ic_file *file)
{
    struct stat status;
    sigset_t all, before;
    int fd, answer;

    /* To open what is no file may do something. */
    answer = lstat(path, &status) < 0 ? -errno : ic_note_file(&status, file);
    if (answer)
        return answer;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOATIME | O_NOCTTY);
    answer = ic_result(fd);
    if (fd >= 0) {
        answer = fstat(fd, &status) < 0 ? -errno : ic_note_file(&status, file);
        if (!answer)
            answer = ic_lease_once(fd);
        close(fd);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return answer;
}
