/* Compare directories that are known with what a crawl found in them, many at a time: most are as they were, and of
   these nothing is to be told. Of the others nothing is changed here.

   As little as in adopt.c is a crawl believed. */

/* Whether so many names are all entries of a directory, of one kind; they are passed by. IL_NONE has none. The nodes
   of directories go to children, if that is not NULL. */
static int il_has_names(const struct il_ledger *ledger, int32_t directory, struct il_names *names, int32_t count,
                        int64_t *children)
{
    int has_all = directory != IL_NONE;

    for (; count > 0; count--) {
        size_t length = strlen(names->at);
        int64_t at = has_all ? il_find(ledger, directory, names->at, (uint32_t)length) : -1;
        const char *entry = at < 0 ? NULL : ledger->nodes[directory].names + at;

        has_all = entry != NULL && !il_is_directory(entry) == (children == NULL);
        if (has_all && children != NULL)
            *children++ = il_child(entry);
        names->at += length + 1;
    }
    return has_all;
}

/* Whether a directory, IL_NONE for one that is not known, is as a record says; its names are passed by. The nodes of
   the directories in it go to children, IL_NONE for all if it is another one. */
static int il_agrees(const struct il_ledger *ledger, int64_t directory, const struct ic_crawl *crawl, int32_t record,
                     struct il_names *files, struct il_names *dirs, int64_t *children)
{
    int32_t node = (int32_t)directory, file_count = crawl->file_counts[record], dir_count = crawl->dir_counts[record];
    int is_same = node != IL_NONE && ledger->nodes[node].wd == crawl->wds[record] &&
                  !(ledger->nodes[node].flags & IL_TWINS) && !crawl->changed[record] &&
                  ledger->nodes[node].live == (uint32_t)file_count + (uint32_t)dir_count;
    int has_files = il_has_names(ledger, is_same ? node : IL_NONE, files, file_count, NULL);
    int has_dirs = il_has_names(ledger, is_same ? node : IL_NONE, dirs, dir_count, children);

    if (is_same && has_files && has_dirs)
        return 1;
    for (int32_t child = 0; child < dir_count; child++)
        children[child] = IL_NONE;
    return 0;
}

/* Which is which, of the directories of a crawl that are known. */
struct il_agreed {
    /* How many are as the ledger has them; how many are not, and how many were not visited, of those in them. */
    int32_t agreed, differ, unvisited;
};

/* Compare known directories, those of the first slots of a crawl, and what is known below them. nodes has so much room,
   enough for the node of each slot, and holds those of the first ones. left has as much: first come the nodes of those
   that differ, then of those that were not visited; what is in one that differs is not looked at. Returns 0, or -errno:
   -EINVAL for a crawl that can not have been. */
static int il_agree(const struct il_ledger *ledger, const struct ic_crawl *crawl, int64_t *nodes, int64_t *left,
                    uint64_t room, int32_t count, struct il_agreed *found)
{
    struct il_names files = {crawl->files, crawl->files + crawl->files_filled};
    struct il_names dirs = {crawl->dirs, crawl->dirs + crawl->dirs_filled};
    int64_t *next = nodes + count;

    memset(found, 0, sizeof *found);
    if (room < (uint64_t)crawl->slots || !il_is_whole(crawl, count))
        return -EINVAL;
    if (!il_take_numbers(ledger, nodes, count))
        return -ESTALE;
    for (int32_t record = 0; record < crawl->records; record++) {
        int64_t node = nodes[crawl->slots_of[record]];

        if (il_names_size(files, crawl->file_counts[record], 0) < 0 ||
            il_names_size(dirs, crawl->dir_counts[record], 0) < 0)
            return -EINVAL;
        if (il_agrees(ledger, node, crawl, record, &files, &dirs, next))
            found->agreed++;
        else if (node != IL_NONE)
            left[found->differ++] = il_number_of(ledger, (int32_t)node);
        next += crawl->dir_counts[record];
    }
    for (int32_t slot = 0; slot < crawl->slots; slot++)
        if (crawl->visits[slot] < 0 && nodes[slot] != IL_NONE)
            left[found->differ + found->unvisited++] = il_number_of(ledger, (int32_t)nodes[slot]);
    return 0;
}
