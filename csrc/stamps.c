/* What files were when they were last told: their stamps. In the ledger they stand with the entries that have one. */

/* Look at the entries of a directory that is open as fd, by their names, each ended by a NUL; a stamp for each. */
static void ic_stamp_all(int fd, const char *names, uint64_t size, struct ic_stamp *stamps, uint64_t count)
{
    const char *end = names + size;

    for (; count > 0 && names < end; count--, stamps++, names += strlen(names) + 1) {
        struct stat status;

        *stamps = (struct ic_stamp){0};
        if (fstatat(fd, names, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            stamps->inode = (int64_t)status.st_ino;
            stamps->size = status.st_size;
            stamps->written_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
            stamps->changed_ns = status.st_ctim.tv_sec * INT64_C(1000000000) + status.st_ctim.tv_nsec;
        } else {
            stamps->size = errno == ENOENT || errno == ENOTDIR ? IC_GONE : IC_UNKNOWN;
        }
    }
}

/* Whether an entry is known to be what a stamp says; a stamp of what is gone, or of a directory, says nothing else. */
static int il_is_as_stamped(const struct il_ledger *ledger, int32_t directory, const char *name,
                            const struct ic_stamp *stamp)
{
    int64_t at = il_find(ledger, directory, name, (uint32_t)strlen(name));
    const char *entry;

    if (stamp->size == IC_GONE)
        return 1;
    if (at < 0 || stamp->size == IC_UNKNOWN)
        return 0;
    entry = ledger->nodes[directory].names + at;
    if (il_is_directory(entry))
        return 1;
    return il_is_stamped(entry) && memcmp(entry + IL_HEADER, stamp, sizeof *stamp) == 0;
}

/* Say of some names of a directory whether what is known of each is not what the stamp says: 1 in its place, else 0. */
static int il_compare(const struct il_ledger *ledger, int64_t directory, const char *names, uint64_t size,
                      const struct ic_stamp *stamps, uint64_t count, char *differs)
{
    int32_t compared = il_node_of(ledger, directory);
    const char *end = names + size;

    if (compared == IL_NONE)
        return -ESTALE;
    for (; count > 0 && names < end; count--, stamps++, names += strlen(names) + 1)
        *differs++ = !il_is_as_stamped(ledger, compared, names, stamps);
    return 0;
}

/* Let an entry have a stamp; one that has none yet is put behind the others. */
static int il_stamp_one(struct il_ledger *ledger, int32_t directory, const char *name, const struct ic_stamp *stamp)
{
    uint32_t length = (uint32_t)strlen(name);
    int64_t at = il_find(ledger, directory, name, length);
    char *entry;
    int failed;

    if (at < 0)
        return 0;
    entry = ledger->nodes[directory].names + at;
    if (il_is_directory(entry))
        return 0;
    if (il_is_stamped(entry)) {
        memcpy(entry + IL_HEADER, stamp, sizeof *stamp);
        return 0;
    }
    failed = il_add_stamped(ledger, directory, name, length, IL_NONE, stamp);
    if (failed < 0)
        return failed;
    /* Of the two the first one is found: whatever makes an index goes through them in their order. */
    il_take(ledger, directory, (uint32_t)il_find(ledger, directory, name, length));
    return 0;
}

/* Let those of some names of a directory that are marked have their stamps; what is not there, or is a directory, has
   none. -ENOMEM: some have. */
static int il_stamp(struct il_ledger *ledger, int64_t directory, const char *names, uint64_t size,
                    const struct ic_stamp *stamps, uint64_t count, const char *marks)
{
    int32_t stamped = il_node_of(ledger, directory);
    const char *end = names + size;
    struct il_node *node;
    int failed = 0;

    if (stamped == IL_NONE)
        return -ESTALE;
    for (; count > 0 && names < end && failed == 0; count--, stamps++, marks++, names += strlen(names) + 1)
        if (*marks)
            failed = il_stamp_one(ledger, stamped, names, stamps);
    node = &ledger->nodes[stamped];
    /* All of a directory get theirs together, most often: what is left of before would take a third more. */
    if (failed == 0 && node->entries - node->live > node->live / 4) {
        il_compact(ledger, node);
        if (node->filled > 0 && node->filled < node->room && iq_grow(&node->names, node->filled, 1))
            node->room = node->filled;
    }
    return failed;
}

/* The stamps of some entries of a directory, by their names, each ended by a NUL; one that has none has that of what
   is not known. IL_ABSENT if one is not there: then those behind it are not looked for. */
static int il_stamps_of(const struct il_ledger *ledger, int64_t directory, const char *names, uint64_t size,
                        struct ic_stamp *stamps, uint64_t count)
{
    int32_t asked = il_node_of(ledger, directory);
    const char *end = names + size, *entry;
    int64_t at;

    if (asked == IL_NONE)
        return -ESTALE;
    for (; count > 0 && names < end; count--, stamps++, names += strlen(names) + 1) {
        if ((at = il_find(ledger, asked, names, (uint32_t)strlen(names))) < 0)
            return IL_ABSENT;
        entry = ledger->nodes[asked].names + at;
        *stamps = (struct ic_stamp){.size = IC_UNKNOWN};
        if (il_is_stamped(entry))
            memcpy(stamps, entry + IL_HEADER, sizeof *stamps);
    }
    return 0;
}
