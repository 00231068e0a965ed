/* The ledger's memory: directories as nodes, the names in each, and which node has which watch descriptor.

   A node is a number. Its entries stand one behind the other in one piece of memory, in the order in which they came:

       the length of the name, 2 bytes · the kind, 1 byte · for a directory its node, 4 bytes ·
       for what has one its stamp, 32 bytes · the name

   A directory with many entries has an index on top, a hash table of places in that memory. An entry that is
   taken out stays as a dead one until there are more dead than live ones. So the small directories that most
   are cost a few bytes an entry, and in large ones a name is found in one step.

   A node knows its parent and where its entry stands there: a path is climbed, and a move is one re-link. Its place in
   the array is used again when it is over. So outside of the ledger (this file, entries.c, watches.c, verbs.c, roots.c)
   a node goes by a number that has its generation as well, how often the place was used before: each number is of one
   node for ever, and every verb that is given one refuses what is not in use with -ESTALE, and does nothing then. */

enum {
    IL_NONE = -1,
    IL_ABSENT = -2,
    IL_HEADER = 3,
    /* Kinds, by bits: a dead entry keeps the bits that say how long it is. */
    IL_LIVE = 1,
    IL_DIRECTORY = 2,
    IL_STAMPED = 4,
    /* What a node may be. */
    IL_FREE = 1,
    IL_ROOT = 2,
    IL_LINK = 4,
    IL_TWINS = 8,
    /* Of a root with directories only: names of files are in it for some time; what is in it was told. */
    IL_FRESH = 16,
    IL_LISTED = 32,
    /* A directory in which the name that an event has is the name that is stored. */
    IL_EXACT = 64,
    /* What may be set and taken from outside. */
    IL_SETTABLE = IL_LINK | IL_TWINS | IL_FRESH | IL_LISTED | IL_EXACT,
    /* More entries than this are looked up by an index. */
    IL_FEW = 12,
    IL_GENERATION_BITS = 19,
    IL_LAST_GENERATION = (1 << IL_GENERATION_BITS) - 1
};

/* What a file was; two that are equal byte by byte are of the same file with the same content. */
struct ic_stamp {
    int64_t inode, size, written_ns, changed_ns;
};

enum {
    /* In the place of a size: nothing is there; and what is there is not known. */
    IC_GONE = -1,
    IC_UNKNOWN = -2
};

_Static_assert(sizeof(struct ic_stamp) == 32, "what a stamp costs is promised");

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

/* What a directory costs is promised; what follows from it is measured (docs/performance.md). */
_Static_assert(sizeof(struct il_node) <= 48, "a node has grown");

struct il_root {
    int32_t node; /* IL_NONE: not in use */
    uint32_t asked, length;
    /* Whether an entry that is no directory is what it is called, and nothing hangs on it; 2: if the ledger has the
       name, or the directory is exact. */
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
