/* Directories as nodes, and the entries of each: what the verbs of the ledger are made of. No number from outside comes
   here; who calls this has looked whether the node is in use. */

/* --- the entries of one directory --- */

static uint32_t il_length(const char *entry)
{
    uint16_t length;

    memcpy(&length, entry, sizeof length);
    return length;
}

static int il_is_live(const char *entry)
{
    return entry[2] & IL_LIVE;
}

static int il_is_directory(const char *entry)
{
    return entry[2] & IL_DIRECTORY;
}

static int il_is_stamped(const char *entry)
{
    return entry[2] & IL_STAMPED;
}

static uint32_t il_name_at(const char *entry)
{
    if (il_is_directory(entry))
        return IL_HEADER + sizeof(int32_t);
    return il_is_stamped(entry) ? IL_HEADER + sizeof(struct ic_stamp) : IL_HEADER;
}

static uint32_t il_size(const char *entry)
{
    return il_name_at(entry) + il_length(entry);
}

/* The node of an entry, IL_NONE if it is no directory. */
static int32_t il_child(const char *entry)
{
    int32_t child = IL_NONE;

    if (il_is_directory(entry))
        memcpy(&child, entry + IL_HEADER, sizeof child);
    return child;
}

/* Under a key, so that nobody can choose names that are slow to find. */
static uint32_t il_hash(const struct il_ledger *ledger, const char *name, uint32_t length)
{
    return (uint32_t)sip_hash(&ledger->key, name, length);
}

static int il_is_called(const char *entry, const char *name, uint32_t length)
{
    return il_is_live(entry) && il_length(entry) == length && memcmp(entry + il_name_at(entry), name, length) == 0;
}

/* Where the live entry of that name is in the directory's names, or -1. */
static int64_t il_find(const struct il_ledger *ledger, int32_t directory, const char *name, uint32_t length)
{
    const struct il_node *node = &ledger->nodes[directory];

    if (node->index == NULL) {
        for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at))
            if (il_is_called(node->names + at, name, length))
                return at;
    } else {
        uint32_t mask = (1u << node->index_bits) - 1;

        for (uint32_t slot = il_hash(ledger, name, length) & mask; node->index[slot]; slot = (slot + 1) & mask)
            if (il_is_called(node->names + node->index[slot] - 1, name, length))
                return node->index[slot] - 1;
    }
    return -1;
}

static void il_index_one(const struct il_ledger *ledger, struct il_node *node, uint32_t at)
{
    const char *entry = node->names + at;
    uint32_t mask = (1u << node->index_bits) - 1;
    uint32_t slot = il_hash(ledger, entry + il_name_at(entry), il_length(entry)) & mask;

    while (node->index[slot])
        slot = (slot + 1) & mask;
    node->index[slot] = at + 1;
}

static void il_fill_index(const struct il_ledger *ledger, struct il_node *node)
{
    memset(node->index, 0, sizeof *node->index << node->index_bits);
    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at))
        il_index_one(ledger, node, at);
}

/* Have an index that is large enough for so many entries, or none if they are few. -ENOMEM: it is as it was. */
static int il_reindex(const struct il_ledger *ledger, struct il_node *node, uint64_t entries)
{
    uint32_t *index = NULL;
    uint8_t bits = 4;

    if (entries > IL_FEW) {
        while ((UINT64_C(3) << bits) / 4 < entries)
            bits++;
        if (bits > 31 || (index = malloc(sizeof *index << bits)) == NULL)
            return -ENOMEM;
    }
    free(node->index);
    node->index = index;
    node->index_bits = bits;
    if (index != NULL)
        il_fill_index(ledger, node);
    return 0;
}

/* Take the dead entries out of the names. */
static void il_compact(struct il_ledger *ledger, struct il_node *node)
{
    uint32_t to = 0;

    for (uint32_t at = 0; at < node->filled;) {
        char *entry = node->names + at;
        uint32_t size = il_size(entry);

        if (il_is_live(entry)) {
            if (il_is_directory(entry))
                ledger->nodes[il_child(entry)].at = to;
            memmove(node->names + to, entry, size);
            to += size;
        }
        at += size;
    }
    node->filled = to;
    node->entries = node->live;
    if (node->filled < node->room / 4 && iq_grow(&node->names, node->filled + 1, 1))
        node->room = node->filled + 1;
    if (node->index != NULL && il_reindex(ledger, node, node->entries) < 0)
        il_fill_index(ledger, node);
}

/* Have room for so many more bytes of entries, and not more than that if exactly.

   To take out the dead costs as much as there is, so there have to be many of them: where one goes for each that
   comes, as in a spool, the room would be full again at the next one. */
static int il_reserve(struct il_ledger *ledger, struct il_node *node, uint64_t size, int exactly)
{
    uint32_t dead = node->entries - node->live;
    uint64_t room;

    if (dead > node->live || (node->filled + size > node->room && dead > node->entries / 4))
        il_compact(ledger, node);
    room = node->filled + size;
    if (room <= node->room)
        return 0;
    if (!exactly)
        room = room < 32 ? 32 : room + room / 2;
    if (room > UINT32_MAX && node->filled + size <= UINT32_MAX)
        room = UINT32_MAX;
    if (room > UINT32_MAX || !iq_grow(&node->names, room, 1))
        return -ENOMEM;
    node->room = (uint32_t)room;
    return 0;
}

/* Have an index for one more entry, if one is needed. */
static int il_have_index(const struct il_ledger *ledger, struct il_node *node)
{
    uint64_t most = node->index == NULL ? IL_FEW : (UINT64_C(3) << node->index_bits) / 4;

    return node->entries < most ? 0 : il_reindex(ledger, node, 2 * ((uint64_t)node->entries + 1));
}

/* Add an entry that is not there; child is the node of a directory, or IL_NONE. What is none may have a stamp. */
static int il_add_stamped(struct il_ledger *ledger, int32_t directory, const char *name, uint32_t length,
                          int32_t child, const struct ic_stamp *stamp)
{
    struct il_node *node = &ledger->nodes[directory];
    uint32_t more = child != IL_NONE ? sizeof child : stamp != NULL ? sizeof *stamp : 0, at;
    uint16_t length_16 = (uint16_t)length;
    char *entry;

    if (length > UINT16_MAX)
        return -ENAMETOOLONG;
    if (il_reserve(ledger, node, (uint64_t)IL_HEADER + more + length, 0) < 0 || il_have_index(ledger, node) < 0)
        return -ENOMEM;
    at = node->filled;
    entry = node->names + at;
    memcpy(entry, &length_16, sizeof length_16);
    entry[2] = IL_LIVE;
    if (child != IL_NONE) {
        entry[2] |= IL_DIRECTORY;
        memcpy(entry + IL_HEADER, &child, sizeof child);
        ledger->nodes[child].at = at;
    } else if (stamp != NULL) {
        entry[2] |= IL_STAMPED;
        memcpy(entry + IL_HEADER, stamp, sizeof *stamp);
    }
    memcpy(entry + IL_HEADER + more, name, length);
    node->filled += IL_HEADER + more + length;
    node->entries++;
    node->live++;
    if (node->index != NULL)
        il_index_one(ledger, node, at);
    return 0;
}

static int il_add(struct il_ledger *ledger, int32_t directory, const char *name, uint32_t length, int32_t child)
{
    return il_add_stamped(ledger, directory, name, length, child, NULL);
}

/* Take out the entry that is at a place in the directory's names. */
static void il_take(struct il_ledger *ledger, int32_t directory, uint32_t at)
{
    struct il_node *node = &ledger->nodes[directory];

    node->names[at + 2] &= ~IL_LIVE;
    if (--node->live > 0)
        return;
    /* What is small is kept, for what comes and goes often goes on to do so. */
    if (node->room > 64) {
        free(node->names);
        node->names = NULL;
        node->room = 0;
    }
    free(node->index);
    node->index = NULL;
    node->filled = node->entries = 0;
}

/* Have no entries, and no memory for them. */
static void il_bare(struct il_node *node)
{
    free(node->names);
    free(node->index);
    node->names = NULL;
    node->index = NULL;
    node->filled = node->room = node->live = node->entries = 0;
}

/* --- nodes --- */

static const char *il_entry(const struct il_ledger *ledger, int32_t node)
{
    return ledger->nodes[ledger->nodes[node].parent].names + ledger->nodes[node].at;
}

/* The nodes are in pages of their own: those that are not used yet cost nothing, and none is copied to grow. */
static int il_grow_nodes(struct il_ledger *ledger)
{
    size_t size = sizeof *ledger->nodes, old = ledger->room * size;
    int64_t room = ledger->room + ledger->room / 2 + 256;
    void *nodes = MAP_FAILED;

    if (room <= INT32_MAX)
        nodes = old > 0 ? mremap(ledger->nodes, old, room * size, MREMAP_MAYMOVE)
                        : mmap(NULL, room * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (nodes == MAP_FAILED)
        return -ENOMEM;
    ledger->nodes = nodes;
    ledger->room = (int32_t)room;
    return 0;
}

static int32_t il_new_node(struct il_ledger *ledger, int32_t parent)
{
    int32_t node = ledger->free;
    uint32_t generation = 0;

    if (node != IL_NONE) {
        ledger->free = ledger->nodes[node].parent;
        generation = ledger->nodes[node].generation;
    } else {
        if (ledger->count == ledger->room && il_grow_nodes(ledger) < 0)
            return -ENOMEM;
        node = ledger->count++;
    }
    ledger->nodes[node] = (struct il_node){.wd = -1, .parent = parent, .generation = generation};
    return node;
}
