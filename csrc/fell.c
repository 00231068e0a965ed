/* Take back what is below a directory, many directories at a time, deepest first: first it is told, and nothing is
   changed; then it is done. What two places have, or a link leads to, is left to the caller. */

/* Tell that all entries of a directory are gone; 0 if there is no room, and then nothing of it is told. A flag of 0 is
   not told. */
static int il_tell_gone(const struct il_ledger *ledger, struct il_told *told, int32_t directory, uint32_t of_file,
                        uint32_t of_directory)
{
    const struct il_node *node = &ledger->nodes[directory];
    struct il_told before = *told;
    struct il_at at;

    at.wd = node->wd;
    at.node = directory;
    at.prefix = 0;
    at.kind = il_kind_of(ledger, directory);
    for (uint32_t entry = 0; entry < node->filled; entry += il_size(node->names + entry)) {
        const char *gone = node->names + entry;
        uint32_t mask = il_is_directory(gone) ? of_directory : of_file;

        if (!il_is_live(gone) || mask == 0)
            continue;
        if (!il_tell(ledger, told, &at, mask, gone + il_name_at(gone), il_length(gone))) {
            *told = before;
            return 0;
        }
    }
    return 1;
}

/* The next directory in one, from a place among its names on; IL_NONE if there is none. */
static int32_t il_next_child(const struct il_node *node, uint32_t at)
{
    for (; at < node->filled; at += il_size(node->names + at))
        if (il_is_live(node->names + at) && il_is_directory(node->names + at))
            return il_child(node->names + at);
    return IL_NONE;
}

/* Go down from a directory to the first one that has none in it. */
static int32_t il_deepest(const struct il_ledger *ledger, int32_t node)
{
    int32_t below;

    while ((below = il_next_child(&ledger->nodes[node], 0)) != IL_NONE)
        node = below;
    return node;
}

/* The directory that is emptied behind one, which is below the top. */
static int32_t il_behind(const struct il_ledger *ledger, int32_t node)
{
    const struct il_node *parent = &ledger->nodes[ledger->nodes[node].parent];
    uint32_t at = ledger->nodes[node].at;
    int32_t next = il_next_child(parent, at + il_size(parent->names + at));

    return next == IL_NONE ? ledger->nodes[node].parent : il_deepest(ledger, next);
}

/* Whether a directory may be taken out here: no link leads to it, and nobody has its watch, too. */
static int il_is_alone(const struct il_ledger *ledger, int32_t node)
{
    const struct il_node *alone = &ledger->nodes[node];

    return !(alone->flags & (IL_TWINS | IL_LINK)) && (alone->wd < 0 || il_is_owner(ledger, node));
}

/* Tell that all below a directory is gone, and what is in it: as far as there is room. numbers has room for so many
   directories, and gets those whose entries are told, each behind those in it. Those that have nothing are left out.
   Returns how many, or -ESTALE. */
static int32_t il_fell(const struct il_ledger *ledger, int64_t top, struct il_told *told, uint32_t of_file,
                       uint32_t of_directory, int64_t *numbers, int32_t room)
{
    int32_t last = il_node_of(ledger, top), node, count = 0;

    if (last == IL_NONE)
        return -ESTALE;
    told->count = told->full = 0;
    il_told_begin(told);
    for (node = il_deepest(ledger, last);; node = il_behind(ledger, node)) {
        const struct il_node *felled = &ledger->nodes[node];

        if (node != last && !il_is_alone(ledger, node))
            break;
        if (felled->live > 0 || (node != last && felled->wd >= 0)) {
            if (count == room || !il_tell_gone(ledger, told, node, of_file, of_directory)) {
                told->full = 1;
                break;
            }
            numbers[count++] = il_number_of(ledger, node);
        }
        if (node == last)
            break;
    }
    return count;
}

/* Take all entries out of directories, each behind those in it, and these off their watches, but for the top. wds has
   room for as many. Returns how many watches nobody has any more; -ENOTEMPTY, -ESTALE or -EBUSY, and then the ones
   before are done. */
static int32_t il_raze(struct il_ledger *ledger, int64_t top, const int64_t *numbers, int32_t count, int32_t *wds)
{
    int32_t freed = 0;

    for (; count > 0; count--, numbers++) {
        int32_t node = il_node_of(ledger, *numbers);
        int failed = node == IL_NONE ? -ESTALE : 0;

        if (failed == 0 && *numbers != top && !il_is_alone(ledger, node))
            failed = -EBUSY;
        if (failed == 0)
            failed = il_clear(ledger, *numbers);
        if (failed < 0)
            return failed;
        if (*numbers == top || ledger->nodes[node].wd < 0)
            continue;
        wds[freed++] = ledger->nodes[node].wd;
        il_disown(ledger, ledger->nodes[node].wd);
        ledger->nodes[node].wd = -1;
    }
    return freed;
}
