/* The ledger's memory: directories as nodes, the names in each, and which node has which watch descriptor.

   A node is a number. Its entries stand one behind the other in one piece of memory, in the order in which they came:

       the length of the name, 2 bytes · the kind, 1 byte · for a directory its node, 4 bytes · the name

   A directory with many entries has an index on top, a hash table of places in that memory. An entry that is
   taken out stays as a dead one until there are more dead than live ones. So the small directories that most
   are cost a few bytes an entry, and in large ones a name is found in one step.

   A node knows its parent and where its entry stands there: a path is climbed, and a move is one re-link. Its place in
   the array is used again when it is over. So outside of this file a node goes by a number that has its generation
   as well, how often the place was used before: each number is of one node for ever, and every verb that is given
   one refuses what is not in use with -ESTALE, and does nothing then. */

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
    /* What may be set and taken from outside. */
    IL_SETTABLE = IL_LINK | IL_TWINS | IL_FRESH | IL_LISTED,
    /* More entries than this are looked up by an index. */
    IL_FEW = 12,
    IL_GENERATION_BITS = 19,
    IL_LAST_GENERATION = (1 << IL_GENERATION_BITS) - 1
};

struct il_node {
    int32_t wd;
    int32_t parent; /* of a free node the next free one */
    uint32_t at;    /* where its entry is, in the parent's names; of a root, which one it is */
    uint32_t filled, room;
    uint32_t live, entries; /* entries, and how many of them are live */
    /* In the four bytes that were left: of the flags of a node each has its bit. */
    uint32_t flags : 8, index_bits : 5, generation : IL_GENERATION_BITS;
    char *names;
    uint32_t *index; /* 1 + where an entry is; 0 if there is none */
};

/* What a directory costs is promised; what follows from it is measured (README.md). */
_Static_assert(sizeof(struct il_node) <= 48, "a node has grown");

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
    struct sip_key key;
    int32_t count, room, free; /* of nodes */
    int32_t root_count;
    uint32_t owner_count, owner_mask, owner_shift; /* as many places as fit in 32 - shift bits */
    uint32_t owner_key;
};

static void *il_new(size_t size)
{
    struct il_ledger *ledger = calloc(1, size);

    if (ledger != NULL)
        ledger->free = IL_NONE;
    return ledger;
}

/* Have a key, before all else; 0 or -errno: -EINTR if a signal came before there was one. */
static int il_begin(struct il_ledger *ledger)
{
    int failed = 0;
    const struct sip_key *key = sip_process_key(&failed);

    if (key == NULL)
        return failed;
    ledger->key = *key;
    ledger->owner_key = (uint32_t)sip_hash(key, "watches", 7);
    return 0;
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

/* The node that has a number, IL_NONE if none has: whoever holds the number of a node that is over is told so, and
   harms nothing. */
static int32_t il_node_of(const struct il_ledger *ledger, int64_t number)
{
    uint32_t place = (uint32_t)number;
    const struct il_node *node;

    if (place >= (uint32_t)ledger->count)
        return IL_NONE;
    node = &ledger->nodes[place];
    return node->generation == number >> 32 && !(node->flags & IL_FREE) ? (int32_t)place : IL_NONE;
}

/* The number of a node; IL_NONE stays what it is. */
static int64_t il_number_of(const struct il_ledger *ledger, int32_t node)
{
    return node == IL_NONE ? IL_NONE : (int64_t)ledger->nodes[node].generation << 32 | node;
}

static int il_is_node(const struct il_ledger *ledger, int64_t node)
{
    return il_node_of(ledger, node) != IL_NONE;
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

/* --- who has which watch descriptor --- */

/* The first place of wd in the table. The kernel counts watch descriptors up: side by side they would be one run
   without a gap, and what is behind a place would never end. So they are spread, by the golden ratio. And whoever makes
   directories and keeps some of them chooses among the numbers, but does not know the key. */
static uint32_t il_home(const struct il_ledger *ledger, int32_t wd)
{
    return (((uint32_t)wd ^ ledger->owner_key) * UINT32_C(0x9e3779b9)) >> ledger->owner_shift;
}

/* Where the owner of wd stands in the table, or where it would. There is a table, and an empty place in it. */
static uint32_t il_slot(const struct il_ledger *ledger, int32_t wd)
{
    uint32_t slot = il_home(ledger, wd);

    while (ledger->owners[slot] != IL_NONE && ledger->nodes[ledger->owners[slot]].wd != wd)
        slot = (slot + 1) & ledger->owner_mask;
    return slot;
}

static int32_t il_find_owner(const struct il_ledger *ledger, int32_t wd)
{
    return ledger->owners == NULL ? IL_NONE : ledger->owners[il_slot(ledger, wd)];
}

enum { FIRST_BITS = 4 };

static int il_grow_owners(struct il_ledger *ledger)
{
    uint32_t size = ledger->owners == NULL ? 1u << FIRST_BITS : 2 * (ledger->owner_mask + 1), old_size = size / 2;
    int32_t *old = ledger->owners, *owners = size > 0 ? malloc(size * sizeof *owners) : NULL;

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

/* Whether a node stands in the table. */
static int il_is_owner(const struct il_ledger *ledger, int32_t node)
{
    return ledger->nodes[node].wd >= 0 && il_find_owner(ledger, ledger->nodes[node].wd) == node;
}

static int il_set_owner(struct il_ledger *ledger, int32_t wd, int32_t node)
{
    uint32_t slot;

    if (wd < 0)
        return -EINVAL;
    /* It would stand in the table at a place where nobody looks for it. */
    if (ledger->nodes[node].wd != wd && il_is_owner(ledger, node))
        return -EBUSY;
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

    if (il_find_owner(ledger, wd) == IL_NONE)
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

static int64_t il_owner(const struct il_ledger *ledger, int32_t wd)
{
    return il_number_of(ledger, il_find_owner(ledger, wd));
}

/* Let node be the owner of wd, in the place of another one if there is one; -EBUSY if it is that of another wd. */
static int il_own(struct il_ledger *ledger, int32_t wd, int64_t node)
{
    int32_t owner = il_node_of(ledger, node);

    return owner == IL_NONE ? -ESTALE : il_set_owner(ledger, wd, owner);
}

/* What the node itself says; -EBUSY if it is the owner of another one. */
static int il_set_wd(struct il_ledger *ledger, int64_t node, int32_t wd)
{
    int32_t said_by = il_node_of(ledger, node);

    if (said_by == IL_NONE)
        return -ESTALE;
    if (ledger->nodes[said_by].wd != wd && il_is_owner(ledger, said_by))
        return -EBUSY;
    ledger->nodes[said_by].wd = wd < 0 ? -1 : wd;
    return 0;
}

static int32_t il_wd(const struct il_ledger *ledger, int64_t node)
{
    int32_t said_by = il_node_of(ledger, node);

    return said_by == IL_NONE ? -ESTALE : ledger->nodes[said_by].wd;
}

static uint32_t il_owner_count(const struct il_ledger *ledger)
{
    return ledger->owner_count;
}

/* The watch descriptors that have an owner, so many of them at most; how many there are. */
static uint32_t il_wds(const struct il_ledger *ledger, int32_t *wds, uint32_t most)
{
    for (uint64_t slot = 0; ledger->owners != NULL && most > 0 && slot <= ledger->owner_mask; slot++) {
        if (ledger->owners[slot] == IL_NONE)
            continue;
        *wds++ = ledger->nodes[ledger->owners[slot]].wd;
        most--;
    }
    return ledger->owner_count;
}

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
    int64_t at;
    int failed;

    if (from == IL_NONE || to == IL_NONE)
        return -ESTALE;
    if ((at = il_find(ledger, from, name, length)) < 0)
        return IL_ABSENT;
    node = il_child(ledger->nodes[from].names + at);
    if (node != IL_NONE && il_is_below(ledger, to, node))
        return -ELOOP;
    failed = il_add(ledger, to, new_name, new_length, node);
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

/* --- the verbs: roots --- */

/* Say how a root is called, what is asked of it, whether its entries are plain, and whether files are passed. */
static int il_fill_root(struct il_root *root, const char *name, uint32_t length, uint32_t asked, int plain, int passes)
{
    if (!iq_grow(&root->name, (size_t)length + 1, 1))
        return -ENOMEM;
    memcpy(root->name, name, length);
    root->length = length;
    root->asked = asked;
    root->plain = plain != 0;
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
