/* Adopt what a crawl found: from its columns to nodes, many directories at a time.

   A crawl is not believed. Its columns have been through Python, or are those of a recording, and a number in them
   that is too large would be a place behind some array. */

/* Find the slot of each record; 0 if a slot has a record that is not there, or that another one has, too. */
static int il_match(const struct ic_crawl *crawl)
{
    int32_t matched = 0;

    for (int32_t record = 0; record < crawl->records; record++)
        crawl->slots_of[record] = -1;
    for (int32_t slot = 0; slot < crawl->slots; slot++) {
        int32_t record = crawl->visits[slot];

        if (record < 0)
            continue;
        if (record >= crawl->records || crawl->slots_of[record] >= 0)
            return 0;
        crawl->slots_of[record] = slot;
        matched++;
    }
    return matched == crawl->records;
}

/* Whether each record is of a slot that was given, with so many others, or that was found in a record before it; and
   all slots are one of either. */
static int il_is_whole(const struct ic_crawl *crawl, int32_t count)
{
    int64_t known = count;

    if (count < 0 || !il_match(crawl))
        return 0;
    for (int32_t record = 0; record < crawl->records; record++) {
        if (crawl->slots_of[record] >= known || crawl->file_counts[record] < 0 || crawl->dir_counts[record] < 0)
            return 0;
        known += crawl->dir_counts[record];
    }
    return known == crawl->slots;
}

/* Names that stand one behind the other, each ended by a NUL. */
struct il_names {
    const char *at, *end;
};

/* How many bytes of entries so many names give, with so much before each; -1 if there are not so many. */
static int64_t il_names_size(struct il_names names, int32_t count, uint32_t before)
{
    int64_t size = 0;

    for (; count > 0; count--) {
        const char *end = memchr(names.at, '\0', (size_t)(names.end - names.at));

        if (end == NULL)
            return -1;
        size += end - names.at + before;
        names.at = end + 1;
    }
    return size;
}

/* Have just the room that a new directory will need; -EINVAL if there are not so many names. */
static int il_prepare(struct il_ledger *ledger, int32_t directory, struct il_names files, int32_t file_count,
                      struct il_names dirs, int32_t dir_count)
{
    struct il_node *node = &ledger->nodes[directory];
    int64_t of_files = il_names_size(files, file_count, IL_HEADER);
    int64_t of_dirs = il_names_size(dirs, dir_count, IL_HEADER + sizeof(int32_t));

    if (of_files < 0 || of_dirs < 0)
        return -EINVAL;
    if (of_files + of_dirs > 0 && il_reserve(ledger, node, (uint64_t)(of_files + of_dirs), 1) < 0)
        return -ENOMEM;
    if (node->index == NULL && (int64_t)file_count + dir_count > IL_FEW)
        return il_reindex(ledger, node, (uint64_t)file_count + (uint64_t)dir_count);
    return 0;
}

/* Add so many entries to a new directory, whose names are there. The nodes of directories go to *nodes. */
static int il_adopt_names(struct il_ledger *ledger, int32_t directory, struct il_names *names, int32_t count,
                          int64_t **nodes)
{
    for (; count > 0; count--) {
        size_t length = strlen(names->at);
        int32_t node = length > UINT16_MAX ? -ENAMETOOLONG
                                           : il_enter(ledger, directory, names->at, (uint32_t)length, nodes != NULL);

        if (node < IL_NONE)
            return node;
        if (nodes != NULL)
            *(*nodes)++ = node;
        names->at += length + 1;
    }
    return 0;
}

/* Fill in a directory that was visited, and own its watch. */
static int il_adopt_one(struct il_ledger *ledger, int32_t node, const struct ic_crawl *crawl, int32_t record,
                        struct il_names *files, struct il_names *dirs, int64_t **next)
{
    int32_t file_count = crawl->file_counts[record], dir_count = crawl->dir_counts[record];
    int failed = il_set_owner(ledger, crawl->wds[record], node);

    if (failed == 0)
        failed = il_prepare(ledger, node, *files, file_count, *dirs, dir_count);
    if (failed < 0)
        return failed;
    ledger->nodes[node].flags |= IL_LISTED;
    failed = il_adopt_names(ledger, node, files, file_count, NULL);
    return failed < 0 ? failed : il_adopt_names(ledger, node, dirs, dir_count, next);
}

/* Have nodes in the place of numbers; 0 if one is not in use. */
static int il_take_numbers(const struct il_ledger *ledger, int64_t *numbers, int32_t count)
{
    for (; count > 0; count--, numbers++)
        if ((*numbers = il_node_of(ledger, *numbers)) == IL_NONE)
            return 0;
    return 1;
}

/* Fill in new directories, those of the first slots of a crawl, and all below them, and own their watches. nodes has
   so much room, enough for the node of each slot, and holds those of the first ones. Returns how many directories
   were not visited; their nodes come first in nodes then. Or -errno: -EINVAL for a crawl that can not have been. */
static int32_t il_adopt(struct il_ledger *ledger, const struct ic_crawl *crawl, int64_t *nodes, uint64_t room,
                        int32_t count)
{
    struct il_names files = {crawl->files, crawl->files + crawl->files_filled};
    struct il_names dirs = {crawl->dirs, crawl->dirs + crawl->dirs_filled};
    int64_t *next = nodes + count;
    int32_t left = 0;

    if (room < (uint64_t)crawl->slots || !il_is_whole(crawl, count))
        return -EINVAL;
    if (!il_take_numbers(ledger, nodes, count))
        return -ESTALE;
    for (int32_t record = 0; record < crawl->records; record++) {
        int32_t node = (int32_t)nodes[crawl->slots_of[record]];
        int failed = il_adopt_one(ledger, node, crawl, record, &files, &dirs, &next);

        if (failed < 0)
            return failed;
    }
    for (int32_t slot = 0; slot < crawl->slots; slot++)
        if (crawl->visits[slot] < 0)
            nodes[left++] = il_number_of(ledger, (int32_t)nodes[slot]);
    return left;
}
