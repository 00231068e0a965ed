/* A crawl of a part of a tree: each directory opened, watched, listed, with all below it. What is found is noted
   in columns. A directory has a slot if its name was given or listed, and a record if it was visited.

   Nothing is decided here. A directory that can not be visited, or was watched before (it is at another place
   as well), or for which there is no room, has no record, and is left to the caller.

   The columns belong to the crawl: they are there from its beginning to its end, and how much fits in them never
   changes. So nobody can come in between a column and its size. */
struct ic_crawl {
    int32_t inotify, last_wd;
    uint32_t mask;
    /* records_room: how many fit; most_records: how many this crawl may have. */
    int32_t records, most_records, records_room, slots, most_slots;
    uint64_t files_filled, dirs_filled, room;
    /* By record: the watch descriptor, how many files it has, how many directories. */
    int32_t *wds, *file_counts, *dir_counts;
    /* By slot: the record, or -1; and the other way round, filled in by who goes through it. */
    int32_t *visits, *slots_of;
    /* The names of all files, and of all directories but those given, each ended by a NUL. */
    char *files, *dirs;
    /* Whether files are passed over; and whether the directories are known, so that they may have a watch already. */
    int32_t no_files, is_known;
    /* Of those that are known: since when a file in it would have to have changed (seconds, by the wall clock) to be of
       interest, INFINITY for none is; and by record, whether one may have. What is on another device is left out, for
       its clock may be another, too. */
    double since;
    dev_t device;
    /* When the crawl has to end, by the steady clock, 0 for never; and whether there was more to visit than time, or
       than records. */
    int64_t deadline_ns;
    int32_t is_cut;
    uint8_t *changed;
};

static void ic_crawl_drop(struct ic_crawl *crawl)
{
    free(crawl->wds);
    free(crawl->file_counts);
    free(crawl->dir_counts);
    free(crawl->visits);
    free(crawl->slots_of);
    free(crawl->changed);
    free(crawl->files);
    free(crawl->dirs);
    memset(crawl, 0, sizeof *crawl);
}

static void ic_crawl_free(struct ic_crawl *crawl)
{
    ic_crawl_drop(crawl);
    free(crawl);
}

static void *ic_crawl_new(size_t size)
{
    return calloc(1, size);
}

/* Have room, once, for so many directories visited, so many given and found, and so many bytes of names of either
   kind; -ENOMEM, and then it has none. Most of it is never used, so it is not cleared either. */
static int ic_crawl_have(struct ic_crawl *crawl, int32_t records, int32_t slots, uint64_t room)
{
    if (crawl->wds != NULL || records < 1 || slots < 1 || room < 1)
        return -EINVAL;
    crawl->wds = malloc((size_t)records * sizeof *crawl->wds);
    crawl->file_counts = malloc((size_t)records * sizeof *crawl->file_counts);
    crawl->dir_counts = malloc((size_t)records * sizeof *crawl->dir_counts);
    crawl->slots_of = malloc((size_t)records * sizeof *crawl->slots_of);
    crawl->changed = malloc((size_t)records * sizeof *crawl->changed);
    crawl->visits = malloc((size_t)slots * sizeof *crawl->visits);
    crawl->files = malloc(room);
    crawl->dirs = malloc(room);
    if (crawl->wds && crawl->file_counts && crawl->dir_counts && crawl->slots_of && crawl->changed && crawl->visits &&
        crawl->files && crawl->dirs) {
        crawl->records_room = records;
        crawl->most_slots = slots;
        crawl->room = room;
        return 0;
    }
    ic_crawl_drop(crawl);
    return -ENOMEM;
}

/* How much was noted, to go back to. */
struct ic_noted {
    uint64_t files_filled, dirs_filled;
    int32_t slots;
};

static struct ic_noted ic_noted(const struct ic_crawl *crawl)
{
    return (struct ic_noted){crawl->files_filled, crawl->dirs_filled, crawl->slots};
}

static void ic_crawl_go_back(struct ic_crawl *crawl, struct ic_noted noted)
{
    crawl->files_filled = noted.files_filled;
    crawl->dirs_filled = noted.dirs_filled;
    crawl->slots = noted.slots;
}

/* Note an entry of the directory that is listed; 0 if there is no room. */
static int ic_crawl_note(struct ic_crawl *crawl, const char *name, int is_dir)
{
    size_t length = strlen(name) + 1;
    uint64_t *filled = is_dir ? &crawl->dirs_filled : &crawl->files_filled;

    if (crawl->room - *filled < length || (is_dir && crawl->slots == crawl->most_slots))
        return 0;
    memcpy((is_dir ? crawl->dirs : crawl->files) + *filled, name, length);
    *filled += length;
    if (is_dir) {
        crawl->visits[crawl->slots++] = -1;
        crawl->dir_counts[crawl->records]++;
    } else {
        crawl->file_counts[crawl->records]++;
    }
    return 1;
}

/* Whether a file may have changed since then, by its ctime. */
static int ic_may_have_changed(int fd, const char *name, double since)
{
    struct stat status;

    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        /* A directory that can be listed and not searched: who knows. */
        return errno == EACCES || errno == EPERM;
    return (double)status.st_ctim.tv_sec + 1e-9 * (double)status.st_ctim.tv_nsec >= since;
}

static int64_t ic_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Whether there is neither time nor room for one more; once that is so it stays so. */
static int ic_is_cut(struct ic_crawl *crawl)
{
    if (crawl->records >= crawl->most_records || (crawl->deadline_ns != 0 && ic_now_ns() >= crawl->deadline_ns))
        crawl->is_cut = 1;
    return crawl->is_cut;
}

/* See whether a file has changed, unless another one in its directory has; 0 if there is no time for more of them. */
static int ic_crawl_look_at(struct ic_crawl *crawl, int fd, const char *name, uint32_t looked)
{
    uint8_t *changed = &crawl->changed[crawl->records];

    if (!*changed)
        *changed = (uint8_t)ic_may_have_changed(fd, name, crawl->since);
    return looked % IC_SOME != 0 || !ic_is_cut(crawl);
}

/* Note all entries of a directory; 0 if that fails, or some might be left out. */
static int ic_crawl_list(struct ic_crawl *crawl, int fd)
{
    _Alignas(8) char chunk[LIST_CHUNK];
    const int looks = crawl->is_known && crawl->since != INFINITY;
    uint32_t looked = 0;
    long got;

    while ((got = syscall(SYS_getdents64, fd, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry64 *entry = (const void *)(chunk + at);
            char kind = is_dot(entry->name) ? 0 : kind_of(fd, entry);

            at += entry->length;
            if (kind == 0 || (kind != 'd' && crawl->no_files))
                continue;
            if (!ic_crawl_note(crawl, entry->name, kind == 'd'))
                return 0;
            if (looks && kind != 'd' && !ic_crawl_look_at(crawl, fd, entry->name, ++looked))
                return 0;
        }
        if (sizeof chunk - (size_t)got < IC_LONGEST_ENTRY && ic_leaves_out(fd))
            return 0;
    }
    return got == 0;
}

/* Begin the record of the directory that wd watches; 0 if there is no watch, or it is no new one and should be. */
static int ic_record_begin(struct ic_crawl *crawl, int wd)
{
    if (wd == -ENOSPC)
        crawl->most_records = crawl->records;
    if (wd < 0 || (wd <= crawl->last_wd && !crawl->is_known))
        return 0;
    crawl->wds[crawl->records] = wd;
    if (crawl->last_wd < wd)
        crawl->last_wd = wd;
    crawl->file_counts[crawl->records] = crawl->dir_counts[crawl->records] = 0;
    crawl->changed[crawl->records] = 0;
    return 1;
}

/* Whether a directory is on the device that those that are known are on. */
static int ic_is_on_device(const struct ic_crawl *crawl, int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_dev == crawl->device;
}

/* Watch first, list second; 0, and nothing noted nor watched anew, if that is not to be had. */
static int ic_crawl_record(struct ic_crawl *crawl, int fd)
{
    struct ic_noted before = ic_noted(crawl);
    int32_t last_wd = crawl->last_wd;
    int wd;

    if (crawl->is_known && !ic_is_on_device(crawl, fd))
        return 0;
    wd = ic_watch_fd(crawl->inotify, fd, crawl->mask);
    if (!ic_record_begin(crawl, wd))
        return 0;
    /* A file system may have fixed the end of the listing when the directory was opened, which was before the watch:
       btrfs does (fs/btrfs/inode.c btrfs_opendir), and sets it anew here (btrfs_dir_llseek). */
    if (lseek(fd, 0, SEEK_SET) < 0 || !ic_crawl_list(crawl, fd)) {
        ic_crawl_go_back(crawl, before);
        if (wd > last_wd)
            inotify_rm_watch(crawl->inotify, wd);
        return 0;
    }
    crawl->records++;
    return 1;
}

/* Visit directories of the one that is open as fd, and all that is below them, depth levels in all. Their slots
   are those from slot on. It recurs, but not deeper than IC_DEEPEST. */
static void ic_crawl_visit(struct ic_crawl *crawl, int fd, const char *names, int count, int slot, int depth)
{
    for (; count > 0 && depth > 0; count--, slot++, names += strlen(names) + 1) {
        const char *below_names = crawl->dirs + crawl->dirs_filled;
        int below_slot = crawl->slots, below;

        if (ic_is_cut(crawl))
            return;
        below = openat(fd, names, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0)
            continue;
        if (ic_crawl_record(crawl, below)) {
            crawl->visits[slot] = crawl->records - 1;
            ic_crawl_visit(crawl, below, below_names, crawl->slots - below_slot, below_slot, depth - 1);
        }
        close(below);
    }
}

/* Have slots for the directories that are given, or for as many as there is room for, and nothing else yet. Their
   names stand one behind the other in so many bytes, each ended by a NUL. */
static void ic_crawl_begin(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
                           int64_t limit_ns, const char *names, uint64_t size)
{
    const char *end = names + size;

    crawl->inotify = inotify;
    crawl->mask = mask;
    crawl->last_wd = last_wd;
    crawl->most_records = most < crawl->records_room ? most : crawl->records_room;
    crawl->records = crawl->slots = crawl->is_cut = 0;
    crawl->deadline_ns = limit_ns > 0 ? ic_now_ns() + limit_ns : 0;
    crawl->files_filled = crawl->dirs_filled = 0;
    while (crawl->slots < crawl->most_slots && (names = memchr(names, '\0', (size_t)(end - names))) != NULL) {
        crawl->visits[crawl->slots++] = -1;
        names++;
    }
}

/* Visit directories of the one that is open as fd, by their names: as many as there are at most, and as there is time
   for, 0 for any; watched through the instance with the mask, and only those that get a higher descriptor than the last
   one. */
static void ic_crawl(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
                     int64_t limit_ns, int fd, const char *names, uint64_t size)
{
    ic_crawl_begin(crawl, inotify, mask, last_wd, most, limit_ns, names, size);
    ic_crawl_visit(crawl, fd, names, crawl->slots, 0, IC_DEEPEST);
}

/* Do the same with directories that are known, whatever watch they get, to compare them: see il_agree. Files in them are
   looked at if since is not INFINITY. What can not be listed keeps its watch, if it had that before; what is on another
   device than fd is left out. */
static void ic_crawl_known(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
                           int64_t limit_ns, double since, int fd, const char *names, uint64_t size)
{
    struct stat status;

    ic_crawl_begin(crawl, inotify, mask, last_wd, most, limit_ns, names, size);
    if (fstat(fd, &status) < 0)
        return;
    crawl->is_known = 1;
    crawl->since = since;
    crawl->device = status.st_dev;
    ic_crawl_visit(crawl, fd, names, crawl->slots, 0, IC_DEEPEST);
    crawl->is_known = 0;
}

/* Put in what another crawl has found; -ENOBUFS, and nothing is changed, if there is no room for that. */
static int ic_crawl_fill(struct ic_crawl *crawl, int32_t records, const int32_t *wds, const int32_t *file_counts,
                         const int32_t *dir_counts, const char *changed, int32_t slots, const int32_t *visits,
                         const char *files, uint64_t files_size, const char *dirs, uint64_t dirs_size, int32_t is_cut)
{
    if (records < 0 || records > crawl->records_room || slots < 0 || slots > crawl->most_slots ||
        files_size > crawl->room || dirs_size > crawl->room)
        return -ENOBUFS;
    crawl->records = records;
    crawl->slots = slots;
    crawl->files_filled = files_size;
    crawl->dirs_filled = dirs_size;
    memcpy(crawl->wds, wds, (size_t)records * sizeof *wds);
    memcpy(crawl->file_counts, file_counts, (size_t)records * sizeof *file_counts);
    memcpy(crawl->dir_counts, dir_counts, (size_t)records * sizeof *dir_counts);
    memcpy(crawl->changed, changed, (size_t)records);
    memcpy(crawl->visits, visits, (size_t)slots * sizeof *visits);
    memcpy(crawl->files, files, files_size);
    memcpy(crawl->dirs, dirs, dirs_size);
    crawl->is_cut = is_cut;
    crawl->last_wd = 0;
    for (int32_t record = 0; record < records; record++)
        if (crawl->last_wd < wds[record])
            crawl->last_wd = wds[record];
    return 0;
}
