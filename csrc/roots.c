/* The roots of the ledger: how each is called, and what is asked of it. */

/* --- the verbs: roots --- */

/* Say how a root is called, what is asked of it, whether its entries are plain, and whether files are passed. */
static int il_fill_root(struct il_root *root, const char *name, uint32_t length, uint32_t asked, int plain, int passes)
{
    if (!iq_grow(&root->name, (size_t)length + 1, 1))
        return -ENOMEM;
    memcpy(root->name, name, length);
    root->length = length;
    root->asked = asked;
    root->plain = (uint8_t)plain;
    root->passes = passes != 0;
    return 0;
}

/* A number of a root that is not in use, or -ENOMEM. */
static int32_t il_free_root(struct il_ledger *ledger)
{
    int32_t number = 0;

    while (number < ledger->root_count && ledger->roots[number].node != IL_NONE)
        number++;
    if (number == ledger->root_count) {
        if (!iq_grow(&ledger->roots, (size_t)number + 1, sizeof *ledger->roots))
            return -ENOMEM;
        ledger->roots[ledger->root_count++] = (struct il_root){.node = IL_NONE};
    }
    return number;
}

/* Add a root, of which all is said at once: see il_fill_root; its node, or -errno, and nothing done. */
static int64_t il_add_root(struct il_ledger *ledger, const char *name, uint32_t length, uint32_t asked, int plain,
                           int passes)
{
    int32_t number = il_free_root(ledger), node;

    if (number < 0 || il_fill_root(&ledger->roots[number], name, length, asked, plain, passes) < 0)
        return -ENOMEM;
    if ((node = il_new_node(ledger, IL_NONE)) < 0)
        return node;
    ledger->nodes[node].flags = IL_ROOT;
    ledger->nodes[node].at = (uint32_t)number;
    ledger->roots[number].node = node;
    return il_number_of(ledger, node);
}

/* The root that has a number, NULL if none has; a node of another kind is none. */
static struct il_root *il_root_at(const struct il_ledger *ledger, int64_t number)
{
    int32_t node = il_node_of(ledger, number);

    if (node == IL_NONE || !(ledger->nodes[node].flags & IL_ROOT))
        return NULL;
    return &ledger->roots[ledger->nodes[node].at];
}

/* Say all of it of a root again. */
static int il_set_root(struct il_ledger *ledger, int64_t root, const char *name, uint32_t length, uint32_t asked,
                       int plain, int passes)
{
    struct il_root *changed = il_root_at(ledger, root);

    return changed == NULL ? -ESTALE : il_fill_root(changed, name, length, asked, plain, passes);
}

/* Take out a root; -ENOTEMPTY if it has entries. */
static int il_drop_root(struct il_ledger *ledger, int64_t root)
{
    struct il_root *dropped = il_root_at(ledger, root);

    if (dropped == NULL)
        return -ESTALE;
    if (ledger->nodes[dropped->node].live > 0)
        return -ENOTEMPTY;
    il_free_node(ledger, dropped->node);
    free(dropped->name);
    *dropped = (struct il_root){.node = IL_NONE};
    return 0;
}

/* The root that a node is below. */
static const struct il_root *il_root_of(const struct il_ledger *ledger, int32_t node)
{
    while (!(ledger->nodes[node].flags & IL_ROOT))
        node = ledger->nodes[node].parent;
    return &ledger->roots[ledger->nodes[node].at];
}

/* What stands before the name of an entry of a directory in its path: the directory's path, and a slash unless that
   ends with one. Its length; it is only written if there is so much room. */
static uint64_t il_write_prefix(const struct il_ledger *ledger, int32_t directory, char *out, uint64_t room)
{
    const struct il_root *root = il_root_of(ledger, directory);
    uint32_t slash = root->length > 0 && root->name[root->length - 1] != '/', length;
    uint64_t size = root->length + slash, at;

    for (int32_t node = directory; !(ledger->nodes[node].flags & IL_ROOT); node = ledger->nodes[node].parent)
        size += il_length(il_entry(ledger, node)) + 1;
    if (size > room)
        return size;
    at = size;
    for (int32_t node = directory; !(ledger->nodes[node].flags & IL_ROOT); node = ledger->nodes[node].parent) {
        const char *name = il_name_of(ledger, node, &length);

        out[--at] = '/';
        at -= length;
        memcpy(out + at, name, length);
    }
    if (slash)
        out[--at] = '/';
    memcpy(out, root->name, root->length);
    return size;
}

static int64_t il_prefix(const struct il_ledger *ledger, int64_t directory, char *out, uint64_t room)
{
    int32_t node = il_node_of(ledger, directory);

    return node == IL_NONE ? -ESTALE : (int64_t)il_write_prefix(ledger, node, out, room);
}
