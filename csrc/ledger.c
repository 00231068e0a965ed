/* The ledger's memory: directories as nodes, the names in each, and which node has which watch descriptor.

   A node is a number. Its entries stand one behind the other in one piece of memory, in the order in which they came:

       the length of the name, 2 bytes · the kind, 1 byte · for a directory its node, 4 bytes · the name

   A directory with many entries has an index on top, a hash table of places in that memory. An entry that is
   taken out stays as a dead one until there are more dead than live ones. So the small directories that most
   are cost a few bytes an entry, and in large ones a name is found in one step.

   A node knows its parent and where its entry stands there: a path is climbed, and a move is one re-link. Node
   numbers are used again; who holds one has to know when it is over. */

enum {
    IL_NONE = -1,
    IL_ABSENT = -2,
    IL_HEADER = 3,
    /* Kinds, by bits: a dead entry keeps the bit that says how long it is. */
    IL_LIVE = 1,
    IL_DIRECTORY = 2,
    /* What a node may be. */
    IL_FREE = 1,
    IL_ROOT = 2,
    IL_LINK = 4,
    IL_TWINS = 8,
    /* Of a root with directories only: names of files are in it for some time; what is in it was told. */
    IL_FRESH = 16,
    IL_LISTED = 32,
    /* More entries than this are looked up by an index. */
    IL_FEW = 12
};

struct il_node {
    int32_t wd;
    int32_t parent; /* of a free node the next free one */
    uint32_t at;    /* where its entry is, in the parent's names; of a root, which one it is */
    uint32_t filled, room;
    uint32_t live, entries; /* entries, and how many of them are live */
    uint8_t flags, index_bits;
    char *names;
    uint32_t *index; /* 1 + where an entry is; 0 if there is none */
};

struct il_root {
    int32_t node; /* IL_NONE: not in use */
    uint32_t asked, length;
    /* Whether an entry that is no directory is what it is called, and nothing hangs on it. */
    uint8_t plain;
    /* Whether what happens to such an entry is told, and it is not kept. */
    uint8_t passes;
    char *name;
};

struct il_ledger {
    struct il_node *nodes;
    struct il_root *roots;
    int32_t *owners; /* by watch descriptor: the node, or IL_NONE */
    uint64_t seed;
    int32_t count, room, free; /* of nodes */
    int32_t root_count;
    uint32_t owner_count, owner_mask, owner_shift; /* as many places as fit in 32 - shift bits */
};

static struct il_ledger *il_new(void)
{
    struct il_ledger *ledger = calloc(1, sizeof *ledger);

    if (ledger == NULL)
        return NULL;
    ledger->free = IL_NONE;
    /* It needs no descriptor, and early after the start of a machine there may be nothing yet. */
    if (getrandom(&ledger->seed, sizeof ledger->seed, GRND_NONBLOCK) < 0)
        ledger->seed = (uintptr_t)ledger;
    return ledger;
}

static void il_free(struct il_ledger *ledger)
{
    for (int32_t node = 0; node < ledger->count; node++) {
        free(ledger->nodes[node].names);
        free(ledger->nodes[node].index);
    }
    for (int32_t root = 0; root < ledger->root_count; root++)
        free(ledger->roots[root].name);
    if (ledger->nodes != NULL)
        munmap(ledger->nodes, (size_t)ledger->room * sizeof *ledger->nodes);
    free(ledger->roots);
    free(ledger->owners);
    free(ledger);
}

/* Whoever holds the number of a node that is no more is told so, and harms nothing. */
static int il_is_node(const struct il_ledger *ledger, int32_t node)
{
    return node >= 0 && node < ledger->count && !(ledger->nodes[node].flags & IL_FREE);
}

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

static uint32_t il_name_at(const char *entry)
{
    return il_is_directory(entry) ? IL_HEADER + sizeof(int32_t) : IL_HEADER;
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

/* Seeded, so that nobody can choose names that are slow to find. */
static uint32_t il_hash(const struct il_ledger *ledger, const char *name, uint32_t length)
{
    uint64_t hash = ledger->seed ^ (length * UINT64_C(0x9e3779b97f4a7c15)), word;

    for (; length >= sizeof word; length -= sizeof word, name += sizeof word) {
        memcpy(&word, name, sizeof word);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, name, length);
    hash = (hash ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(hash >> 32);
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

/* Have room for so many more bytes of entries, and not more than that if exactly. */
static int il_reserve(struct il_ledger *ledger, struct il_node *node, uint64_t size, int exactly)
{
    uint32_t dead = node->entries - node->live;
    uint64_t room;

    if (dead > 0 && (dead > node->live || node->filled + size > node->room))
        il_compact(ledger, node);
    room = node->filled + size;
    if (room <= node->room)
        return 0;
    if (!exactly)
        room = room < 32 ? 32 : room + room / 2;
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

/* Add an entry that is not there; child is the node of a directory, or IL_NONE. */
static int il_add(struct il_ledger *ledger, int32_t directory, const char *name, uint32_t length, int32_t child)
{
    struct il_node *node = &ledger->nodes[directory];
    uint32_t before = IL_HEADER + (child == IL_NONE ? 0 : sizeof child), at;
    uint16_t length_16 = (uint16_t)length;
    char *entry;

    if (length > UINT16_MAX)
        return -ENAMETOOLONG;
    if (il_reserve(ledger, node, before + length, 0) < 0 || il_have_index(ledger, node) < 0)
        return -ENOMEM;
    at = node->filled;
    entry = node->names + at;
    memcpy(entry, &length_16, sizeof length_16);
    entry[2] = child == IL_NONE ? IL_LIVE : IL_LIVE | IL_DIRECTORY;
    if (child != IL_NONE) {
        memcpy(entry + IL_HEADER, &child, sizeof child);
        ledger->nodes[child].at = at;
    }
    memcpy(entry + before, name, length);
    node->filled += before + length;
    node->entries++;
    node->live++;
    if (node->index != NULL)
        il_index_one(ledger, node, at);
    return 0;
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

/* Take out all entries that are no directories. */
static void il_forget_files(struct il_ledger *ledger, int32_t directory)
{
    struct il_node *node = &ledger->nodes[directory];

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

    if (node != IL_NONE) {
        ledger->free = ledger->nodes[node].parent;
    } else {
        if (ledger->count == ledger->room && il_grow_nodes(ledger) < 0)
            return -ENOMEM;
        node = ledger->count++;
    }
    ledger->nodes[node] = (struct il_node){.wd = -1, .parent = parent};
    return node;
}

static int32_t il_owner(const struct il_ledger *ledger, int32_t wd);
static void il_disown(struct il_ledger *ledger, int32_t wd);

static void il_free_node(struct il_ledger *ledger, int32_t node)
{
    if (il_owner(ledger, ledger->nodes[node].wd) == node)
        il_disown(ledger, ledger->nodes[node].wd);
    free(ledger->nodes[node].names);
    free(ledger->nodes[node].index);
    ledger->nodes[node] = (struct il_node){.wd = -1, .parent = ledger->free, .flags = IL_FREE};
    ledger->free = node;
}

/* Add an entry that is not there: the node of a directory, IL_NONE for anything else, or -errno below IL_ABSENT. */
static int32_t il_create(struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length, int is_dir)
{
    int32_t node = IL_NONE;
    int failed;

    if (!il_is_node(ledger, parent))
        return -EINVAL;
    if (is_dir && (node = il_new_node(ledger, parent)) < 0)
        return node;
    failed = il_add(ledger, parent, name, length, node);
    if (failed < 0 && is_dir)
        il_free_node(ledger, node);
    return failed < 0 ? failed : node;
}

/* The node of an entry, IL_NONE if it is no directory, IL_ABSENT if there is none of that name. */
static int32_t il_get(const struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length)
{
    int64_t at = il_is_node(ledger, parent) ? il_find(ledger, parent, name, length) : -1;

    return at < 0 ? IL_ABSENT : il_child(ledger->nodes[parent].names + at);
}

/* Take an entry out; what it was, as il_get says it. Its node is free then; -ENOTEMPTY if that has entries. */
static int32_t il_drop(struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length)
{
    int32_t node = il_get(ledger, parent, name, length);

    if (node == IL_ABSENT)
        return IL_ABSENT;
    if (node != IL_NONE && ledger->nodes[node].live > 0)
        return -ENOTEMPTY;
    il_take(ledger, parent, (uint32_t)il_find(ledger, parent, name, length));
    if (node != IL_NONE)
        il_free_node(ledger, node);
    return node;
}

/* Take all entries out of a directory, and free their nodes; -ENOTEMPTY, and nothing done, if one has entries. */
static int il_clear(struct il_ledger *ledger, int32_t directory)
{
    struct il_node *node = &ledger->nodes[directory];

    if (!il_is_node(ledger, directory))
        return -EINVAL;
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

static int il_is_within(const struct il_ledger *ledger, int32_t node, int32_t ancestor)
{
    while (node != ancestor && node != IL_NONE)
        node = ledger->nodes[node].parent;
    return node == ancestor;
}

/* Climb from a node to its root: how many directories are above it, how many links are followed on the way, the
   node itself among them. Returns the nearest node above it that is at the inode of wd, or IL_NONE. */
static int32_t il_way(const struct il_ledger *ledger, int32_t node, int32_t wd, int32_t *depth, int32_t *links)
{
    int32_t found = IL_NONE;

    *depth = *links = 0;
    if (!il_is_node(ledger, node))
        return IL_NONE;
    for (;;) {
        *links += (ledger->nodes[node].flags & IL_LINK) != 0;
        node = ledger->nodes[node].parent;
        if (node == IL_NONE)
            return found;
        ++*depth;
        if (found == IL_NONE && ledger->nodes[node].wd == wd)
            found = node;
    }
}

/* Put an entry of one directory into another, where it has a name that is not there; what it is, as il_get says
   it, or -errno below IL_ABSENT, and nothing done. */
static int32_t il_graft(struct il_ledger *ledger, int32_t source, const char *name, uint32_t length, int32_t parent,
                        const char *new_name, uint32_t new_length)
{
    int32_t node = il_get(ledger, source, name, length);
    int failed;

    if (node == IL_ABSENT)
        return node;
    if (!il_is_node(ledger, parent))
        return -EINVAL;
    if (node != IL_NONE && il_is_within(ledger, parent, node))
        return -ELOOP;
    failed = il_add(ledger, parent, new_name, new_length, node);
    if (failed < 0)
        return failed;
    if (node != IL_NONE)
        ledger->nodes[node].parent = parent;
    /* To add may have moved what was there. */
    il_take(ledger, source, (uint32_t)il_find(ledger, source, name, length));
    return node;
}

/* The name of a node and its length. */
static const char *il_name(const struct il_ledger *ledger, int32_t node, uint32_t *length)
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

static int32_t il_parent(const struct il_ledger *ledger, int32_t node)
{
    return ledger->nodes[node].parent;
}

static int32_t il_wd(const struct il_ledger *ledger, int32_t node)
{
    return ledger->nodes[node].wd;
}

static uint32_t il_live(const struct il_ledger *ledger, int32_t node)
{
    return ledger->nodes[node].live;
}

static int il_has_flag(const struct il_ledger *ledger, int32_t node, int flag)
{
    return (ledger->nodes[node].flags & flag) != 0;
}

static void il_set_flag(struct il_ledger *ledger, int32_t node, int flag, int is_set)
{
    if (is_set)
        ledger->nodes[node].flags |= (uint8_t)flag;
    else
        ledger->nodes[node].flags &= (uint8_t)~flag;
}

/* How many bytes il_list needs for the names. */
static uint64_t il_list_size(const struct il_ledger *ledger, int32_t directory)
{
    return ledger->nodes[directory].filled;
}

/* List a directory: the names, each ended by a NUL, and the node of each entry or IL_NONE; the bytes of names. */
static uint64_t il_list(const struct il_ledger *ledger, int32_t directory, char *names, int32_t *children)
{
    const struct il_node *node = &ledger->nodes[directory];
    uint64_t filled = 0;

    for (uint32_t at = 0; at < node->filled; at += il_size(node->names + at)) {
        const char *entry = node->names + at;
        uint32_t length = il_length(entry);

        if (!il_is_live(entry))
            continue;
        memcpy(names + filled, entry + il_name_at(entry), length);
        filled += length;
        names[filled++] = '\0';
        *children++ = il_child(entry);
    }
    return filled;
}

/* --- roots --- */

/* Add a root without a name; its node, or -errno. */
static int32_t il_add_root(struct il_ledger *ledger)
{
    int32_t number = 0, node;

    while (number < ledger->root_count && ledger->roots[number].node != IL_NONE)
        number++;
    if (number == ledger->root_count) {
        if (!iq_grow(&ledger->roots, (size_t)number + 1, sizeof *ledger->roots))
            return -ENOMEM;
        ledger->roots[ledger->root_count++] = (struct il_root){.node = IL_NONE};
    }
    if ((node = il_new_node(ledger, IL_NONE)) < 0)
        return node;
    ledger->nodes[node].flags = IL_ROOT;
    ledger->nodes[node].at = (uint32_t)number;
    ledger->roots[number].node = node;
    return node;
}

/* Say how a root is called, what is asked of it, whether its entries are plain, and whether files are passed. */
static int il_set_root(struct il_ledger *ledger, int32_t node, const char *name, uint32_t length, uint32_t asked,
                       int plain, int passes)
{
    struct il_root *root = &ledger->roots[ledger->nodes[node].at];

    if (!iq_grow(&root->name, (size_t)length + 1, 1))
        return -ENOMEM;
    memcpy(root->name, name, length);
    root->length = length;
    root->asked = asked;
    root->plain = plain != 0;
    root->passes = passes != 0;
    return 0;
}

/* Take out a root; -ENOTEMPTY if it has entries. */
static int il_drop_root(struct il_ledger *ledger, int32_t node)
{
    struct il_root *root = &ledger->roots[ledger->nodes[node].at];

    if (ledger->nodes[node].live > 0)
        return -ENOTEMPTY;
    free(root->name);
    *root = (struct il_root){.node = IL_NONE};
    il_free_node(ledger, node);
    return 0;
}

/* The node of the root that a node is below. */
static int32_t il_top(const struct il_ledger *ledger, int32_t node)
{
    while (!(ledger->nodes[node].flags & IL_ROOT))
        node = ledger->nodes[node].parent;
    return node;
}

static const struct il_root *il_root_of(const struct il_ledger *ledger, int32_t node)
{
    return &ledger->roots[ledger->nodes[il_top(ledger, node)].at];
}

/* What stands before the name of an entry of a directory in its path: the directory's path, and a slash unless that
   ends with one. Its length; it is only written if there is so much room. */
static uint64_t il_prefix(const struct il_ledger *ledger, int32_t directory, char *out, uint64_t room)
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
        const char *name = il_name(ledger, node, &length);

        out[--at] = '/';
        at -= length;
        memcpy(out + at, name, length);
    }
    if (slash)
        out[--at] = '/';
    memcpy(out, root->name, root->length);
    return size;
}

/* --- watch descriptors --- */

/* The first place of wd in the table. The kernel counts watch descriptors up: side by side they would be one run
   without a gap, and what is behind a place would never end. So they are spread, by the golden ratio. */
static uint32_t il_home(const struct il_ledger *ledger, int32_t wd)
{
    return ((uint32_t)wd * UINT32_C(0x9e3779b9)) >> ledger->owner_shift;
}

/* Where the owner of wd stands in the table, or where it would. There is a table, and an empty place in it. */
static uint32_t il_slot(const struct il_ledger *ledger, int32_t wd)
{
    uint32_t slot = il_home(ledger, wd);

    while (ledger->owners[slot] != IL_NONE && ledger->nodes[ledger->owners[slot]].wd != wd)
        slot = (slot + 1) & ledger->owner_mask;
    return slot;
}

static int32_t il_owner(const struct il_ledger *ledger, int32_t wd)
{
    return ledger->owners == NULL ? IL_NONE : ledger->owners[il_slot(ledger, wd)];
}

enum { FIRST_BITS = 4 };

static int il_grow_owners(struct il_ledger *ledger)
{
    uint32_t size = ledger->owners == NULL ? 1u << FIRST_BITS : 2 * (ledger->owner_mask + 1), old_size = size / 2;
    int32_t *old = ledger->owners, *owners = malloc(size * sizeof *owners);

    if (owners == NULL)
        return -ENOMEM;
    memset(owners, 0xff, size * sizeof *owners);
    ledger->owners = owners;
    ledger->owner_mask = size - 1;
    ledger->owner_shift = ledger->owner_shift == 0 ? 32 - FIRST_BITS : ledger->owner_shift - 1;
    for (uint32_t slot = 0; old != NULL && slot < old_size; slot++)
        if (old[slot] != IL_NONE)
            owners[il_slot(ledger, ledger->nodes[old[slot]].wd)] = old[slot];
    free(old);
    return 0;
}

/* Let node be the owner of wd, in the place of another one if there is one. */
static int il_own(struct il_ledger *ledger, int32_t wd, int32_t node)
{
    uint32_t slot;

    if (!il_is_node(ledger, node))
        return -EINVAL;
    if (ledger->owners == NULL || ledger->owner_count * 10 >= (uint64_t)ledger->owner_mask * 7)
        if (il_grow_owners(ledger) < 0)
            return -ENOMEM;
    slot = il_slot(ledger, wd);
    ledger->owner_count += ledger->owners[slot] == IL_NONE;
    ledger->owners[slot] = node;
    ledger->nodes[node].wd = wd;
    return 0;
}

/* Let the owner of wd have none. What stands behind it in the table moves up, so that nothing is looked for across
   a gap. */
static void il_disown(struct il_ledger *ledger, int32_t wd)
{
    uint32_t mask = ledger->owner_mask, gap;

    if (il_owner(ledger, wd) == IL_NONE)
        return;
    gap = il_slot(ledger, wd);
    ledger->nodes[ledger->owners[gap]].wd = -1;
    for (uint32_t slot = (gap + 1) & mask; ledger->owners[slot] != IL_NONE; slot = (slot + 1) & mask) {
        uint32_t home = il_home(ledger, ledger->nodes[ledger->owners[slot]].wd);

        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            ledger->owners[gap] = ledger->owners[slot];
            gap = slot;
        }
    }
    ledger->owners[gap] = IL_NONE;
    ledger->owner_count--;
}

/* What the node itself says; who owns the descriptor is another matter. */
static void il_set_wd(struct il_ledger *ledger, int32_t node, int32_t wd)
{
    ledger->nodes[node].wd = wd;
}

static uint32_t il_owner_count(const struct il_ledger *ledger)
{
    return ledger->owner_count;
}

/* All watch descriptors that have an owner. */
static void il_wds(const struct il_ledger *ledger, int32_t *wds)
{
    for (uint64_t slot = 0; ledger->owners != NULL && slot <= ledger->owner_mask; slot++)
        if (ledger->owners[slot] != IL_NONE)
            *wds++ = ledger->nodes[ledger->owners[slot]].wd;
}

/* --- what a crawl found --- */

/* Add so many entries to a new directory: their names stand one behind the other, each ended by a NUL. The nodes of
   directories go to *nodes. What comes behind the names; NULL if there is no memory. */
static const char *il_adopt_names(struct il_ledger *ledger, int32_t directory, const char *names, int32_t count,
                                  int32_t **nodes)
{
    for (; count > 0; count--) {
        uint32_t length = (uint32_t)strlen(names);
        int32_t node = il_create(ledger, directory, names, length, nodes != NULL);

        if (node < IL_NONE)
            return NULL;
        if (nodes != NULL)
            *(*nodes)++ = node;
        names += length + 1;
    }
    return names;
}

static uint64_t il_names_size(const char *names, int32_t count, uint32_t each)
{
    const char *at = names;

    for (int32_t left = count; left > 0; left--)
        at += strlen(at) + 1;
    return (uint64_t)(at - names) + (uint64_t)count * each;
}

/* Have just the room that a new directory will need. */
static int il_prepare(struct il_ledger *ledger, int32_t directory, const char *files, int32_t file_count,
                      const char *dirs, int32_t dir_count)
{
    struct il_node *node = &ledger->nodes[directory];
    uint64_t size = il_names_size(files, file_count, IL_HEADER - 1) +
                    il_names_size(dirs, dir_count, IL_HEADER - 1 + sizeof(int32_t));

    if (size > 0 && il_reserve(ledger, node, size, 1) < 0)
        return -ENOMEM;
    if (node->index == NULL && (int64_t)file_count + dir_count > IL_FEW)
        return il_reindex(ledger, node, (uint64_t)file_count + dir_count);
    return 0;
}

/* Fill in new directories, those of the first slots of a crawl, and all below them, and own their watches. nodes
   has room for the node of each slot and holds those of the first ones. Returns how many directories were not
   visited; their nodes come first in nodes then. Or -errno. */
static int32_t il_adopt(struct il_ledger *ledger, const struct ic_crawl *crawl, int32_t *nodes, int32_t count)
{
    const char *files = crawl->files, *dirs = crawl->dirs;
    int32_t *next = nodes + count, left = 0;

    for (int32_t slot = 0; slot < crawl->slots; slot++)
        if (crawl->visits[slot] >= 0)
            crawl->slots_of[crawl->visits[slot]] = slot;
    for (int32_t record = 0; record < crawl->records; record++) {
        int32_t node = nodes[crawl->slots_of[record]], failed = il_own(ledger, crawl->wds[record], node);

        if (failed == 0)
            failed = il_prepare(ledger, node, files, crawl->file_counts[record], dirs, crawl->dir_counts[record]);
        if (failed < 0)
            return failed;
        ledger->nodes[node].flags |= IL_LISTED;
        files = il_adopt_names(ledger, node, files, crawl->file_counts[record], NULL);
        if (files != NULL)
            dirs = il_adopt_names(ledger, node, dirs, crawl->dir_counts[record], &next);
        if (files == NULL || dirs == NULL)
            return -ENOMEM;
    }
    for (int32_t slot = 0; slot < crawl->slots; slot++)
        if (crawl->visits[slot] < 0)
            nodes[left++] = nodes[slot];
    return left;
}
