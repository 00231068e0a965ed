/* Which node has which watch descriptor: a table that the ledger's verbs look into, and those verbs. */

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
