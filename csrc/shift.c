/* The most common moves: both halves stand one behind the other at the front of the queue, in directories that are
   at one place of one root, and nothing else hangs on them. Whatever is not as simple as that is left to the caller.

   Nothing is changed here. Whether something is remembered of what was seen before, the caller knows. */

enum {
    /* So many records are looked at for the other half of an exchange. */
    IL_NEAR = 256,
    /* A move with a longer name is left to the caller. */
    IL_SHIFT_NAMES = 512
};

#define IL_ENTRY (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

/* What the two records say, and what the ledger has for it, as numbers. */
struct il_shift {
    int64_t source, target;
    uint64_t next; /* the place behind what is said of it */
    int32_t wd, new_wd;
    uint32_t mask, new_mask, cookie, length, new_length;
    char names[IL_SHIFT_NAMES];
};

/* A name, and the watch of the directory that it is in. */
struct il_named {
    const char *name;
    uint32_t length;
    int32_t wd;
};

static int il_is_of(const struct iq_queue *queue, uint64_t at, const struct il_named *named)
{
    uint32_t length;
    const char *name = iq_name(queue, at, &length);

    return queue->wds[at] == named->wd && length == named->length && memcmp(name, named->name, length) == 0;
}

/* Whether what is queued next of entries of either directory is a move the other way round: then it may be an exchange
   with what the ledger does not know. */
static int il_is_moved_back(const struct iq_queue *queue, uint64_t begin, const struct il_named *from,
                            const struct il_named *to)
{
    uint64_t end = queue->count - begin < IL_NEAR ? queue->count : begin + IL_NEAR, half = end;

    for (uint64_t at = begin; at < end; at++) {
        if (!(queue->masks[at] & IL_ENTRY) || (queue->wds[at] != from->wd && queue->wds[at] != to->wd))
            continue;
        if (half < end)
            return queue->masks[at] & IN_MOVED_TO && queue->cookies[at] == queue->cookies[half] &&
                   il_is_of(queue, at, from);
        if (!(queue->masks[at] & IN_MOVED_FROM) || !il_is_of(queue, at, to))
            return 0;
        half = at;
    }
    return 0;
}

/* Whether the ledger has at an entry the directory that says right behind both halves, which begin at a place, that it
   was moved; and it is not to go into itself. */
static int il_says_so(const struct il_ledger *ledger, const struct iq_queue *queue, uint64_t at, int32_t node,
                      int32_t target)
{
    const struct il_node *moved = &ledger->nodes[node];

    if (queue->count - at < 3 || (queue->masks[at + 2] & ~(uint32_t)IN_ISDIR) != IN_MOVE_SELF)
        return 0;
    return !(moved->flags & (IL_LINK | IL_TWINS)) && moved->wd == queue->wds[at + 2] &&
           il_find_owner(ledger, moved->wd) == node && !il_is_below(ledger, target, node);
}

/* Whether a plain move stands at the front of the queue; then what it says is in shift. */
static int il_next_shift(const struct il_ledger *ledger, const struct iq_queue *queue, struct il_shift *shift)
{
    uint64_t at = queue->at;
    struct il_at source, target;
    struct il_named from, to;
    const struct il_root *root;
    const char *entry;
    uint32_t mask;
    int64_t found;

    if (queue->count - at < 2)
        return 0;
    mask = queue->masks[at];
    if ((mask & ~(uint32_t)IN_ISDIR) != IN_MOVED_FROM || queue->cookies[at] != queue->cookies[at + 1] ||
        queue->masks[at + 1] != (mask ^ IN_MOVED_FROM ^ IN_MOVED_TO))
        return 0;
    from.name = iq_name(queue, at, &from.length);
    to.name = iq_name(queue, at + 1, &to.length);
    from.wd = queue->wds[at];
    to.wd = queue->wds[at + 1];
    if (from.length == 0 || to.length == 0 || (uint64_t)from.length + to.length > IL_SHIFT_NAMES)
        return 0;
    if (!il_go_to(ledger, &source, from.wd) || !il_go_to(ledger, &target, to.wd))
        return 0;
    root = il_root_of(ledger, source.node);
    if (root != il_root_of(ledger, target.node) || root->plain != 1 || root->passes)
        return 0;
    found = il_find(ledger, source.node, from.name, from.length);
    if (found < 0 || il_find(ledger, target.node, to.name, to.length) >= 0)
        return 0;
    entry = ledger->nodes[source.node].names + found;
    if (!il_is_directory(entry) != !(mask & IN_ISDIR))
        return 0;
    shift->next = at + 2;
    if (il_is_directory(entry)) {
        if (!il_says_so(ledger, queue, at, il_child(entry), target.node) ||
            il_is_moved_back(queue, at + 3, &from, &to))
            return 0;
        shift->next = at + 3;
    }
    shift->source = il_number_of(ledger, source.node);
    shift->target = il_number_of(ledger, target.node);
    shift->wd = from.wd;
    shift->new_wd = to.wd;
    shift->mask = mask;
    shift->new_mask = queue->masks[at + 1];
    shift->cookie = queue->cookies[at];
    shift->length = from.length;
    shift->new_length = to.length;
    memcpy(shift->names, from.name, from.length);
    memcpy(shift->names + from.length, to.name, to.length);
    return 1;
}
