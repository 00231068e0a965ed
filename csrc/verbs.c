/* What can be done to the ledger's entries and nodes. Each verb refuses a node that is not in use with -ESTALE, and does
   all of what it is asked for or nothing. */

/* --- the verbs: entries --- */

/* The place of a node is used again as long as the next number of it would be a new one. */
static void il_free_node(struct il_ledger *ledger, int32_t node)
{
    uint32_t generation = ledger->nodes[node].generation;

    if (il_is_owner(ledger, node))
        il_disown(ledger, ledger->nodes[node].wd);
    free(ledger->nodes[node].names);
    free(ledger->nodes[node].index);
    ledger->nodes[node] = (struct il_node){.wd = -1, .parent = IL_NONE, .flags = IL_FREE};
    if (generation == IL_LAST_GENERATION)
        return;
    ledger->nodes[node].generation = generation + 1;
    ledger->nodes[node].parent = ledger->free;
    ledger->free = node;
}

/* Add an entry that is not there; its node if it is a directory, IL_NONE if not, or -errno. */
static int32_t il_enter(struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length, int is_dir)
{
    int32_t node = IL_NONE;
    int failed;

    if (is_dir && (node = il_new_node(ledger, parent)) < 0)
        return node;
    failed = il_add(ledger, parent, name, length, node);
    if (failed < 0 && is_dir)
        il_free_node(ledger, node);
    return failed < 0 ? failed : node;
}

/* Add an entry that is not there: the node of a directory, IL_NONE for anything else, or -errno below IL_ABSENT. */
static int64_t il_create(struct il_ledger *ledger, int64_t parent, const char *name, uint32_t length, int is_dir)
{
    int32_t directory = il_node_of(ledger, parent), node;

    if (directory == IL_NONE)
        return -ESTALE;
    node = il_enter(ledger, directory, name, length, is_dir);
    return node < IL_NONE ? node : il_number_of(ledger, node);
}

/* The node of an entry, IL_NONE if it is no directory, IL_ABSENT if there is none of that name. */
static int64_t il_get(const struct il_ledger *ledger, int64_t parent, const char *name, uint32_t length)
{
    int32_t directory = il_node_of(ledger, parent);
    int64_t at;

    if (directory == IL_NONE)
        return -ESTALE;
    at = il_find(ledger, directory, name, length);
    return at < 0 ? IL_ABSENT : il_number_of(ledger, il_child(ledger->nodes[directory].names + at));
}

/* Take an entry out; what it was, as il_get says it. Its node is free then; -ENOTEMPTY if that has entries. */
static int64_t il_drop(struct il_ledger *ledger, int64_t parent, const char *name, uint32_t length)
{
    int32_t directory = il_node_of(ledger, parent), node;
    int64_t at, number;

    if (directory == IL_NONE)
        return -ESTALE;
    at = il_find(ledger, directory, name, length);
    if (at < 0)
        return IL_ABSENT;
    node = il_child(ledger->nodes[directory].names + at);
    number = il_number_of(ledger, node);
    if (node != IL_NONE && ledger->nodes[node].live > 0)
        return -ENOTEMPTY;
    il_take(ledger, directory, (uint32_t)at);
    if (node != IL_NONE)
        il_free_node(ledger, node);
    return number;
}

/* Take all entries out of a directory, and free their nodes; -ENOTEMPTY, and nothing done, if one has entries. */
static int il_clear(struct il_ledger *ledger, int64_t directory)
{
    int32_t cleared = il_node_of(ledger, directory);
    struct il_node *node;

    if (cleared == IL_NONE)
        return -ESTALE;
    node = &ledger->nodes[cleared];
    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at))
        if (il_is_live(node->names + at) && il_is_directory(node->names + at) &&
            ledger->nodes[il_child(node->names + at)].live > 0)
            return -ENOTEMPTY;
    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at))
        if (il_is_live(node->names + at) && il_is_directory(node->names + at))
            il_free_node(ledger, il_child(node->names + at));
    il_bare(node);
    return 0;
}

/* Take out all entries that are no directories. */
static int il_forget_files(struct il_ledger *ledger, int64_t directory)
{
    int32_t cleared = il_node_of(ledger, directory);
    struct il_node *node;

    if (cleared == IL_NONE)
        return -ESTALE;
    node = &ledger->nodes[cleared];
    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at)) {
        char *entry = node->names + at;

        if (il_is_live(entry) && !il_is_directory(entry)) {
            entry[2] &= ~IL_LIVE;
            node->live--;
        }
    }
    if (node->live == 0)
        il_bare(node);
    else if (node->live < node->entries)
        il_compact(ledger, node);
    return 0;
}

static int il_is_below(const struct il_ledger *ledger, int32_t node, int32_t ancestor)
{
    while (node != ancestor && node != IL_NONE)
        node = ledger->nodes[node].parent;
    return node == ancestor;
}

/* Whether a node is another one or below it. */
static int il_is_within(const struct il_ledger *ledger, int64_t node, int64_t ancestor)
{
    int32_t below = il_node_of(ledger, node), above = il_node_of(ledger, ancestor);

    return below == IL_NONE || above == IL_NONE ? -ESTALE : il_is_below(ledger, below, above);
}

/* Climb from a node to its root: how many directories are above it, how many links are followed on the way, the
   node itself among them. Whether a node above it is at the inode of wd. */
static int il_way(const struct il_ledger *ledger, int64_t number, int32_t wd, int32_t *depth, int32_t *links)
{
    int32_t node = il_node_of(ledger, number);
    int is_loop = 0;

    *depth = *links = 0;
    if (node == IL_NONE)
        return -ESTALE;
    for (;;) {
        *links += (ledger->nodes[node].flags & IL_LINK) != 0;
        node = ledger->nodes[node].parent;
        if (node == IL_NONE)
            return is_loop;
        ++*depth;
        is_loop |= ledger->nodes[node].wd == wd;
    }
}

/* Put an entry of one directory into another, where it has a name that is not there; what it is, as il_get says
   it, or -errno below IL_ABSENT, and nothing done. */
static int64_t il_graft(struct il_ledger *ledger, int64_t source, const char *name, uint32_t length, int64_t parent,
                        const char *new_name, uint32_t new_length)
{
    int32_t from = il_node_of(ledger, source), to = il_node_of(ledger, parent), node;
    struct ic_stamp stamp;
    const char *entry;
    int64_t at;
    int failed;

    if (from == IL_NONE || to == IL_NONE)
        return -ESTALE;
    if ((at = il_find(ledger, from, name, length)) < 0)
        return IL_ABSENT;
    entry = ledger->nodes[from].names + at;
    node = il_child(entry);
    if (node != IL_NONE && il_is_below(ledger, to, node))
        return -ELOOP;
    if (il_is_stamped(entry))
        memcpy(&stamp, entry + IL_HEADER, sizeof stamp);
    failed = il_add_stamped(ledger, to, new_name, new_length, node, il_is_stamped(entry) ? &stamp : NULL);
    if (failed < 0)
        return failed;
    if (node != IL_NONE)
        ledger->nodes[node].parent = to;
    /* To add may have moved what was there. */
    il_take(ledger, from, (uint32_t)il_find(ledger, from, name, length));
    return il_number_of(ledger, node);
}

/* How many entries a directory has. */
static int64_t il_live(const struct il_ledger *ledger, int64_t directory)
{
    int32_t node = il_node_of(ledger, directory);

    return node == IL_NONE ? -ESTALE : (int64_t)ledger->nodes[node].live;
}

/* How many bytes the names in a directory take, each ended by a NUL. */
static int64_t il_list_size(const struct il_ledger *ledger, int64_t directory)
{
    int32_t listed = il_node_of(ledger, directory);
    const struct il_node *node;
    int64_t size = 0;

    if (listed == IL_NONE)
        return -ESTALE;
    node = &ledger->nodes[listed];
    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at))
        if (il_is_live(node->names + at))
            size += il_length(node->names + at) + 1;
    return size;
}

/* List a directory: the names, each ended by a NUL, in so many bytes, and the node of each entry or IL_NONE, so many.
   0, or -EAGAIN if there is more than that or less: something came in between. */
static int il_list(const struct il_ledger *ledger, int64_t directory, char *names, uint64_t size, int64_t *children,
                   uint64_t count)
{
    int32_t listed = il_node_of(ledger, directory);
    const struct il_node *node;

    if (listed == IL_NONE)
        return -ESTALE;
    node = &ledger->nodes[listed];
    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at)) {
        const char *entry = node->names + at;
        uint32_t length = il_length(entry);

        if (!il_is_live(entry))
            continue;
        if (size < (uint64_t)length + 1 || count == 0)
            return -EAGAIN;
        memcpy(names, entry + il_name_at(entry), length);
        names[length] = '\0';
        names += length + 1;
        size -= length + 1;
        *children++ = il_number_of(ledger, il_child(entry));
        count--;
    }
    return size == 0 && count == 0 ? 0 : -EAGAIN;
}

/* --- the verbs: nodes --- */

/* The name of a node and its length. */
static const char *il_name_of(const struct il_ledger *ledger, int32_t node, uint32_t *length)
{
    const char *entry;

    if (ledger->nodes[node].flags & IL_ROOT) {
        const struct il_root *root = &ledger->roots[ledger->nodes[node].at];

        *length = root->length;
        return root->name;
    }
    entry = il_entry(ledger, node);
    *length = il_length(entry);
    return entry + il_name_at(entry);
}

/* Copy the name of a node if there is so much room; how long it is. */
static int64_t il_name(const struct il_ledger *ledger, int64_t node, char *out, uint64_t room)
{
    int32_t named = il_node_of(ledger, node);
    const char *name;
    uint32_t length;

    if (named == IL_NONE)
        return -ESTALE;
    name = il_name_of(ledger, named, &length);
    if (length <= room)
        memcpy(out, name, length);
    return length;
}

/* The node that a node is in, IL_NONE for a root. */
static int64_t il_parent(const struct il_ledger *ledger, int64_t node)
{
    int32_t below = il_node_of(ledger, node);

    return below == IL_NONE ? -ESTALE : il_number_of(ledger, ledger->nodes[below].parent);
}

static int il_has_flag(const struct il_ledger *ledger, int64_t node, int flag)
{
    int32_t asked = il_node_of(ledger, node);

    return asked == IL_NONE ? -ESTALE : (ledger->nodes[asked].flags & (uint32_t)flag) != 0;
}

static int il_set_flag(struct il_ledger *ledger, int64_t node, int flag, int is_set)
{
    int32_t changed = il_node_of(ledger, node);

    if (changed == IL_NONE)
        return -ESTALE;
    if (flag & ~IL_SETTABLE)
        return -EINVAL;
    if (is_set)
        ledger->nodes[changed].flags |= (uint8_t)flag;
    else
        ledger->nodes[changed].flags &= (uint8_t)~flag;
    return 0;
}
