/* The verbs of the ledger, at random, beside a model that is easy to see through; with memory that runs out.

   fuzz_ledger [EXECUTIONS [SEED]]
   fuzz_ledger overflow | undefined | leak     do that on purpose: the sanitizers have to report it

   One execution is one call of a verb of csrc/watches.c, verbs.c, roots.c, adopt.c, agree.c, stamps.c, plain.c, fell.c
   or queue.c. What it answers is what the model says, and from time to time the whole memory is looked through: every
   entry, index, parent, free place and owner.
   In some worlds allocations fail; then a verb may say -ENOMEM, and has done nothing. Some of the numbers that the
   verbs are given are wrong: of nodes that are gone, of generations to come, and any. They are refused.

   Built with -fsanitize=address,undefined. The same seed does the same. The first thing that is wrong ends it. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* --- chance, and memory that runs out --- */

static uint64_t chance_state, failing_one_in, allocations, failures;

/* xorshift64* (Vigna): 32 bits. */
static uint32_t chance(void)
{
    chance_state ^= chance_state >> 12;
    chance_state ^= chance_state << 25;
    chance_state ^= chance_state >> 27;
    return (uint32_t)(chance_state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

static uint32_t below(uint32_t most)
{
    return chance() % most;
}

static int fails(void)
{
    allocations++;
    if (failing_one_in == 0 || below((uint32_t)failing_one_in) != 0)
        return 0;
    failures++;
    errno = ENOMEM;
    return 1;
}

static void *failing_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void *failing_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

static void *failing_realloc(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

/* Pages are pieces of the heap here, where the sanitizer knows their ends; and they always move. */
static void *failing_mmap(size_t size)
{
    void *pages = fails() ? NULL : calloc(1, size);

    return pages == NULL ? MAP_FAILED : pages;
}

static void *failing_mremap(void *old, size_t old_size, size_t size)
{
    void *pages = failing_mmap(size);

    if (pages == MAP_FAILED)
        return pages;
    memcpy(pages, old, old_size);
    free(old);
    return pages;
}

#define malloc failing_malloc
#define calloc failing_calloc
#define realloc failing_realloc
#define mmap(address, size, ...) failing_mmap(size)
#define mremap(old, old_size, size, flags) failing_mremap(old, old_size, size)
#define munmap(pages, size) free(pages)

#include "../../csrc/kernel.c"
#include "../../csrc/listing.c"
#include "../../csrc/crawl.c"
#include "../../csrc/queue.c"
#include "../../csrc/siphash.c"
#include "../../csrc/ledger.c"
#include "../../csrc/entries.c"
#include "../../csrc/watches.c"
#include "../../csrc/verbs.c"
#include "../../csrc/roots.c"
#include "../../csrc/adopt.c"
#include "../../csrc/agree.c"
#include "../../csrc/stamps.c"
#include "../../csrc/plain.c"
#include "../../csrc/shift.c"
#include "../../csrc/fell.c"

#undef malloc
#undef calloc
#undef realloc

static uint64_t executions, checks, refusals, worlds, seed = 1;
static const char *verb = "";

static void check_at(int holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_ledger: line %d: %s does not hold, behind %s; execution %llu of seed %llu\n", line, what, verb,
            (unsigned long long)executions, (unsigned long long)seed);
    abort();
}

#define check(holds) check_at((holds) != 0, #holds, __LINE__)

/* --- names --- */

enum { NAMES = 1500, LONGEST = 255 };

static struct {
    char text[LONGEST + 1];
    uint32_t length;
} names[NAMES];

static void make_names(void)
{
    for (int name = 0; name < NAMES; name++) {
        /* Each is another one, and says which. All bytes occur but NUL, and "/" does no harm. */
        int length = snprintf(names[name].text, sizeof names[name].text, "%d:", name);
        int more = below(4) == 0 ? (int)below(LONGEST - 8) : (int)below(12);

        for (; more > 0; more--)
            names[name].text[length++] = (char)(1 + below(255));
        names[name].length = (uint32_t)length;
    }
}

/* --- the model --- */

/* OLD: a place that can be used less often than that. */
enum { NODES = 600, STALE = 256, WDS = 300, OLD = 3, NOBODY = -1 };

struct entry {
    int name, child; /* of no directory: NOBODY */
    int64_t stamp;   /* a number that stands for one; 0: it has none */
};

struct model_node {
    int64_t number;
    int in_use, parent, name; /* of a root: NOBODY, and no name */
    int wd, flags;
    int count, room;
    struct entry *entries; /* in the order in which they came */
    /* Of a root. */
    char path[400];
    uint32_t length, asked;
    int plain, passes;
};

static struct model_node model[NODES];
static int model_owner[WDS];
static int64_t stale[STALE];
static uint32_t stale_count;
/* How many names a world has, and how often in 8 its first node is taken, so that this one becomes large. */
static int few_names;
static uint32_t favours_first;
static struct il_ledger *ledger;
static struct iq_queue *queue;
static struct il_told *told;
static struct ic_crawl *crawl;
/* By place: the number that it had last, so that none comes twice. */
static int64_t last_number[2 * NODES];

static int some_name(void)
{
    return (int)below((uint32_t)few_names);
}

static struct entry *model_find(const struct model_node *node, int name)
{
    for (int at = 0; at < node->count; at++)
        if (node->entries[at].name == name)
            return &node->entries[at];
    return NULL;
}

static void model_add(struct model_node *node, int name, int child)
{
    if (node->count == node->room) {
        node->room = 2 * node->room + 4;
        node->entries = realloc(node->entries, (size_t)node->room * sizeof *node->entries);
    }
    node->entries[node->count++] = (struct entry){name, child, 0};
}

static void model_take(struct model_node *node, struct entry *entry)
{
    size_t behind = (size_t)(node->entries + node->count - (entry + 1));

    memmove(entry, entry + 1, behind * sizeof *entry);
    node->count--;
}

/* A node of the model for a number that was not there before; NOBODY if there are too many. */
static int model_new(int64_t number, int parent, int name)
{
    uint32_t place = (uint32_t)number;

    for (int node = 0; node < NODES; node++) {
        if (model[node].in_use)
            continue;
        check(place < 2 * NODES && number > last_number[place]);
        last_number[place] = number;
        free(model[node].entries);
        model[node] = (struct model_node){.number = number, .in_use = 1, .parent = parent, .name = name, .wd = -1};
        return node;
    }
    return NOBODY;
}

static void model_end(int node)
{
    struct model_node *ended = &model[node];

    if (ended->wd >= 0 && model_owner[ended->wd] == node)
        model_owner[ended->wd] = NOBODY;
    ended->in_use = 0;
    ended->count = 0;
    stale[stale_count++ % STALE] = ended->number;
}

static int model_count(void)
{
    int count = 0;

    for (int node = 0; node < NODES; node++)
        count += model[node].in_use;
    return count;
}

static int is_root(int node)
{
    return model[node].parent == NOBODY;
}

static int model_root(int node)
{
    while (!is_root(node))
        node = model[node].parent;
    return node;
}

static int model_is_within(int node, int ancestor)
{
    while (node != ancestor && node != NOBODY)
        node = model[node].parent;
    return node == ancestor;
}

/* A node that is in use; NOBODY if there is none. */
static int some_node(void)
{
    if (below(8) < favours_first && model[0].in_use)
        return 0;
    for (int tries = 0; tries < 50; tries++) {
        int node = (int)below(tries < 25 ? 40 : NODES);

        if (model[node].in_use)
            return node;
    }
    for (int node = 0; node < NODES; node++)
        if (model[node].in_use)
            return node;
    return NOBODY;
}

/* What stands before the names in a directory. */
static size_t model_prefix(int node, char *out)
{
    static int way[NODES];
    int depth = 0, root = model_root(node);
    size_t size = model[root].length;

    memcpy(out, model[root].path, size);
    if (size > 0 && out[size - 1] != '/')
        out[size++] = '/';
    for (; node != root; node = model[node].parent)
        way[depth++] = node;
    while (depth-- > 0) {
        int name = model[way[depth]].name;

        memcpy(out + size, names[name].text, names[name].length);
        size += names[name].length;
        out[size++] = '/';
    }
    return size;
}

/* --- what the verbs are given --- */

static int is_in_use(int64_t number)
{
    for (int node = 0; node < NODES; node++)
        if (model[node].in_use && model[node].number == number)
            return 1;
    return 0;
}

static int64_t wrong_number(void)
{
    static const int64_t some[] = {-1, -2, INT64_MIN, INT64_MAX, INT32_MAX, INT32_MIN, UINT32_MAX};
    int64_t number, around = (int64_t)(below(5)) - 2;
    int node = some_node();

    switch (below(5)) {
    case 0:
        number = some[below(sizeof some / sizeof *some)];
        break;
    case 1:
        number = ledger->count + around;
        break;
    case 2:
        number = node == NOBODY ? 0 : model[node].number + around * (INT64_C(1) << 32);
        break;
    case 3:
        number = (int64_t)((uint64_t)chance() << 32 | chance());
        break;
    default:
        number = stale_count == 0 ? -1 : stale[below(stale_count < STALE ? stale_count : STALE)];
        /* Or what its place will have next. */
        number += (int64_t)below(2) << 32;
    }
    return is_in_use(number) ? -1 : number;
}

/* The number of a node, or now and then a wrong one, and then *node is NOBODY. */
static int64_t given(int *node)
{
    *node = below(16) == 0 ? NOBODY : some_node();
    if (*node != NOBODY)
        return model[*node].number;
    refusals++;
    return wrong_number();
}

/* Whether an answer is what was expected, or memory may have run out. */
static int answered(int64_t answer, int64_t expected, uint64_t failures_before)
{
    if (answer == -ENOMEM && failures > failures_before)
        return 0;
    check(answer == expected);
    return answer >= IL_NONE;
}

/* Room of just this size, at whose end the sanitizer watches; the one before is gone. */
static void *just(size_t size)
{
    static void *room[2];
    static int which;

    which = !which;
    free(room[which]);
    return room[which] = malloc(size);
}

/* No verb was called: what was drawn can not be done. */
static int is_idle;

static void idle(void)
{
    is_idle = 1;
}

/* --- the verbs: entries --- */

static void do_create(void)
{
    int parent, name = some_name(), is_dir = below(3) == 0;
    int64_t number = given(&parent), answer;
    uint64_t before = failures;

    if (parent != NOBODY && (model_find(&model[parent], name) || (is_dir && model_count() >= NODES - 1)))
        return idle();
    if (below(500) == 0) {
        static char longest[UINT16_MAX + 1];

        answer = il_create(ledger, number, longest, sizeof longest, is_dir);
        answered(answer, parent == NOBODY ? -ESTALE : -ENAMETOOLONG, before);
        return;
    }
    answer = il_create(ledger, number, names[name].text, names[name].length, is_dir);
    if (is_dir && parent != NOBODY) {
        check(answer >= 0 || (answer == -ENOMEM && failures > before));
        if (answer >= 0)
            model_add(&model[parent], name, model_new(answer, parent, name));
    } else if (answered(answer, parent == NOBODY ? -ESTALE : IL_NONE, before)) {
        model_add(&model[parent], name, NOBODY);
    }
}

/* What il_get says of a name in a directory. */
static int64_t expected_of(int parent, int name)
{
    const struct entry *entry;

    if (parent == NOBODY)
        return -ESTALE;
    entry = model_find(&model[parent], name);
    return entry == NULL ? IL_ABSENT : entry->child == NOBODY ? IL_NONE : model[entry->child].number;
}

static int name_in(int parent)
{
    if (parent == NOBODY || model[parent].count == 0 || below(4) == 0)
        return some_name();
    return model[parent].entries[below((uint32_t)model[parent].count)].name;
}

static void do_get(void)
{
    int parent;
    int64_t number = given(&parent);
    int name = name_in(parent);

    check(il_get(ledger, number, names[name].text, names[name].length) == expected_of(parent, name));
}

static void do_drop(void)
{
    int parent;
    int64_t number = given(&parent);
    int name = name_in(parent);
    int64_t expected = expected_of(parent, name);
    struct entry *entry = parent == NOBODY ? NULL : model_find(&model[parent], name);

    if (entry && entry->child != NOBODY && model[entry->child].count > 0)
        expected = -ENOTEMPTY;
    check(il_drop(ledger, number, names[name].text, names[name].length) == expected);
    if (expected < IL_NONE)
        return;
    if (entry->child != NOBODY)
        model_end(entry->child);
    model_take(&model[parent], entry);
}

static void do_clear(void)
{
    int node, expected = 0;
    int64_t number = given(&node);

    if (below(8) != 0 && node != NOBODY && model[node].count > 8)
        return idle();
    for (int at = 0; node != NOBODY && at < model[node].count; at++)
        if (model[node].entries[at].child != NOBODY && model[model[node].entries[at].child].count > 0)
            expected = -ENOTEMPTY;
    check(il_clear(ledger, number) == (node == NOBODY ? -ESTALE : expected));
    if (node == NOBODY || expected < 0)
        return;
    for (int at = 0; at < model[node].count; at++)
        if (model[node].entries[at].child != NOBODY)
            model_end(model[node].entries[at].child);
    model[node].count = 0;
}

static void do_forget_files(void)
{
    int node, kept = 0;
    int64_t number = given(&node);

    if (below(4) != 0)
        return idle();
    check(il_forget_files(ledger, number) == (node == NOBODY ? -ESTALE : 0));
    for (int at = 0; node != NOBODY && at < model[node].count; at++)
        if (model[node].entries[at].child != NOBODY)
            model[node].entries[kept++] = model[node].entries[at];
    if (node != NOBODY)
        model[node].count = kept;
}

static void do_graft(void)
{
    int from, to, new_name = some_name(), name;
    int64_t stamp;
    int64_t source = given(&from), target = given(&to), expected, answer;
    uint64_t before = failures;
    struct entry *entry;

    name = name_in(from);
    expected = from == NOBODY || to == NOBODY ? -ESTALE : expected_of(from, name);
    entry = from == NOBODY ? NULL : model_find(&model[from], name);
    if (to != NOBODY && model_find(&model[to], new_name))
        return idle();
    if (expected >= 0 && model_is_within(to, entry->child))
        expected = -ELOOP;
    answer = il_graft(ledger, source, names[name].text, names[name].length, target, names[new_name].text,
                      names[new_name].length);
    if (!answered(answer, expected, before))
        return;
    if (entry->child != NOBODY) {
        model[entry->child].parent = to;
        model[entry->child].name = new_name;
    }
    stamp = entry->stamp;
    model_add(&model[to], new_name, entry->child);
    model[to].entries[model[to].count - 1].stamp = stamp;
    /* To add may have moved the entry. */
    model_take(&model[from], model_find(&model[from], name));
}

/* The stamp that a number stands for. */
static struct ic_stamp stamp_of(int64_t number)
{
    return number ? (struct ic_stamp){number, number % 5, -number, number + 1} : (struct ic_stamp){.size = IC_UNKNOWN};
}

/* Stamp one entry; it is put behind the others if it had none. */
static void do_stamp(void)
{
    int node;
    int64_t number = given(&node), value = 1 + below(3);
    int name = name_in(node);
    struct entry *entry = node == NOBODY ? NULL : model_find(&model[node], name);
    struct ic_stamp stamp = stamp_of(value), found;
    size_t size = names[name].length + 1;
    char *text = just(size), mark = below(8) != 0, differs = 2;
    uint64_t before = failures;
    int is_file = entry != NULL && entry->child == NOBODY;

    memcpy(text, names[name].text, size - 1);
    text[size - 1] = '\0';
    check(il_compare(ledger, number, text, size, &stamp, 1, &differs) == (node == NOBODY ? -ESTALE : 0));
    if (node != NOBODY)
        check(differs == (entry == NULL || (is_file && entry->stamp != value)));
    if (!answered(il_stamp(ledger, number, text, size, &stamp, 1, &mark), node == NOBODY ? -ESTALE : 0, before))
        return;
    if (is_file && mark && entry->stamp == 0) {
        model_take(&model[node], entry);
        model_add(&model[node], name, NOBODY);
        entry = &model[node].entries[model[node].count - 1];
    }
    if (is_file && mark)
        entry->stamp = value;
    check(il_stamps_of(ledger, number, text, size, &found, 1) == (entry == NULL ? IL_ABSENT : 0));
    stamp = stamp_of(is_file ? entry->stamp : 0);
    check(entry == NULL || memcmp(&found, &stamp, sizeof found) == 0);
}

/* List a directory into so much room, as if it were just so large; what was answered. */
static int list_into(int64_t number, int64_t size, int64_t count, char **text, int64_t **children)
{
    *text = just((size_t)size);
    *children = just((size_t)count * sizeof **children);
    return il_list(ledger, number, *text, (uint64_t)size, *children, (uint64_t)count);
}

static void do_look_at_entries(void)
{
    int node;
    int64_t number = given(&node), size = 0, count = 0, other, of_count, *children;
    char *at;

    for (; node != NOBODY && count < model[node].count; count++)
        size += names[model[node].entries[count].name].length + 1;
    check(il_live(ledger, number) == (node == NOBODY ? -ESTALE : count));
    check(il_list_size(ledger, number) == (node == NOBODY ? -ESTALE : size));
    other = below(2) ? size : (int64_t)below((uint32_t)size + 9);
    of_count = below(2) ? count : (int64_t)below((uint32_t)count + 3);
    if (other != size || of_count != count)
        check(list_into(number, other, of_count, &at, &children) == (node == NOBODY ? -ESTALE : -EAGAIN));
    check(list_into(number, size, count, &at, &children) == (node == NOBODY ? -ESTALE : 0));
    for (int entry = 0; entry < count; entry++, at += strlen(at) + 1) {
        const struct entry *expected = &model[node].entries[entry];

        check(strcmp(at, names[expected->name].text) == 0);
        check(children[entry] == (expected->child == NOBODY ? IL_NONE : model[expected->child].number));
    }
}

/* --- the verbs: nodes and roots --- */

/* Check a text that is copied out if there is room. */
static void check_copied(int64_t (*copy)(const struct il_ledger *, int64_t, char *, uint64_t), int64_t number,
                         const char *expected, size_t size)
{
    size_t less = below((uint32_t)size + 1);
    char *text = just(less);

    check(copy(ledger, number, text, less) == (int64_t)size);
    text = just(size);
    check(copy(ledger, number, text, size) == (int64_t)size && memcmp(text, expected, size) == 0);
}

static void do_look_at_node(void)
{
    static char prefix[NODES * (LONGEST + 1)];
    int node, other, flag = 1 << below(7);
    int64_t number = given(&node), other_number = given(&other);

    check(il_is_node(ledger, number) == (node != NOBODY));
    check(il_wd(ledger, number) == (node == NOBODY ? -ESTALE : model[node].wd));
    check(il_is_within(ledger, number, other_number) ==
          (node == NOBODY || other == NOBODY ? -ESTALE : model_is_within(node, other)));
    if (node == NOBODY) {
        check(il_parent(ledger, number) == -ESTALE);
        check(il_has_flag(ledger, number, flag) == -ESTALE);
        check(il_name(ledger, number, NULL, 0) == -ESTALE);
        check(il_prefix(ledger, number, NULL, 0) == -ESTALE);
        return;
    }
    check(il_parent(ledger, number) == (is_root(node) ? IL_NONE : model[model[node].parent].number));
    check(il_has_flag(ledger, number, flag) == (((is_root(node) ? IL_ROOT : 0) | model[node].flags) & flag) / flag);
    check_copied(il_prefix, number, prefix, model_prefix(node, prefix));
    if (is_root(node))
        check_copied(il_name, number, model[node].path, model[node].length);
    else
        check_copied(il_name, number, names[model[node].name].text, names[model[node].name].length);
}

static void do_set_flag(void)
{
    static const int flags[] = {IL_LINK, IL_TWINS, IL_FRESH, IL_LISTED, IL_LINK | IL_LISTED, IL_FREE, IL_ROOT, 64, 256, -1};
    int node, flag = flags[below(sizeof flags / sizeof *flags)], is_set = (int)below(2);
    int64_t number = given(&node);
    int expected = node == NOBODY ? -ESTALE : flag & ~IL_SETTABLE ? -EINVAL : 0;

    /* With twins nothing is plain. */
    if (flag == IL_TWINS && is_set && below(4) != 0)
        return idle();
    check(il_set_flag(ledger, number, flag, is_set) == expected);
    if (expected == 0)
        model[node].flags = is_set ? model[node].flags | flag : model[node].flags & ~flag;
}

static void draw_root(struct model_node *root)
{
    static const uint32_t masks[] = {IN_ALL_EVENTS, IN_CREATE | IN_DELETE, 0};

    root->length = below(8) == 0 ? 0 : 1 + below(below(16) == 0 ? 390 : 20);
    memset(root->path, 'r', root->length);
    if (root->length > 0 && below(4) == 0)
        root->path[root->length - 1] = '/';
    root->asked = masks[below(3)];
    root->plain = below(8) != 0;
    root->passes = below(4) == 0;
}

static void do_add_root(void)
{
    struct model_node drawn;
    uint64_t before = failures;
    int64_t number;
    int node;

    if (model_count() >= NODES - 1 || below(6) != 0)
        return idle();
    draw_root(&drawn);
    number = il_add_root(ledger, drawn.path, drawn.length, drawn.asked, drawn.plain, drawn.passes);
    check(number >= 0 || (number == -ENOMEM && failures > before));
    if (number < 0)
        return;
    node = model_new(number, NOBODY, NOBODY);
    memcpy(model[node].path, drawn.path, drawn.length);
    model[node].length = drawn.length;
    model[node].asked = drawn.asked;
    model[node].plain = drawn.plain;
    model[node].passes = drawn.passes;
}

static void do_set_root(void)
{
    struct model_node drawn;
    uint64_t before = failures;
    int node;
    int64_t number = given(&node), answer;
    int expected = node == NOBODY || !is_root(node) ? -ESTALE : 0;

    draw_root(&drawn);
    answer = il_set_root(ledger, number, drawn.path, drawn.length, drawn.asked, drawn.plain, drawn.passes);
    if (!answered(answer, expected, before))
        return;
    memcpy(model[node].path, drawn.path, drawn.length);
    model[node].length = drawn.length;
    model[node].asked = drawn.asked;
    model[node].plain = drawn.plain;
    model[node].passes = drawn.passes;
}

static void do_drop_root(void)
{
    int node;
    int64_t number = given(&node);
    int expected = node == NOBODY || !is_root(node) ? -ESTALE : model[node].count > 0 ? -ENOTEMPTY : 0;

    check(il_drop_root(ledger, number) == expected);
    if (expected == 0)
        model_end(node);
}

/* --- the verbs: watch descriptors --- */

static void do_own(void)
{
    int node, wd = (int)below(WDS + 5) - 5;
    int64_t number = given(&node), answer;
    uint64_t before = failures;
    int expected = node == NOBODY ? -ESTALE : wd < 0 ? -EINVAL : 0;

    if (expected == 0 && model[node].wd != wd && model[node].wd >= 0 && model_owner[model[node].wd] == node)
        expected = -EBUSY;
    answer = il_own(ledger, wd, number);
    if (!answered(answer, expected, before))
        return;
    model_owner[wd] = node;
    model[node].wd = wd;
}

static void do_set_wd(void)
{
    int node, wd = (int)below(WDS + 5) - 5;
    int64_t number = given(&node);
    int expected = node == NOBODY ? -ESTALE : 0;

    if (expected == 0 && model[node].wd != wd && model[node].wd >= 0 && model_owner[model[node].wd] == node)
        expected = -EBUSY;
    check(il_set_wd(ledger, number, wd) == expected);
    if (expected == 0)
        model[node].wd = wd < 0 ? -1 : wd;
}

static int model_owned(void)
{
    int count = 0;

    for (int wd = 0; wd < WDS; wd++)
        count += model_owner[wd] != NOBODY;
    return count;
}

static void do_owner(void)
{
    int wd = (int)below(WDS + 5) - 5, owner = wd < 0 ? NOBODY : model_owner[wd];
    uint32_t count = (uint32_t)model_owned(), most = below(2) ? count : below(WDS);
    int32_t *wds = just(most * sizeof *wds);

    check(il_owner(ledger, wd) == (owner == NOBODY ? IL_NONE : model[owner].number));
    check(il_owner_count(ledger) == count);
    check(il_wds(ledger, wds, most) == count);
    for (uint32_t at = 0; at < most && at < count; at++)
        check(wds[at] >= 0 && wds[at] < WDS && model_owner[wds[at]] != NOBODY);
    if (below(2) == 0)
        return;
    il_disown(ledger, wd);
    if (owner == NOBODY)
        return;
    model_owner[wd] = NOBODY;
    model[owner].wd = -1;
}

/* --- adopt --- */

enum { TOPS = 3, RECORDS = 8, SLOTS = 40, FILES = 30, CRAWL_ROOM = RECORDS * SLOTS * (LONGEST + 1) };

static struct {
    int32_t records, slots, wds[RECORDS], file_counts[RECORDS], dir_counts[RECORDS], visits[SLOTS];
    char files[CRAWL_ROOM], dirs[CRAWL_ROOM];
    uint64_t files_size, dirs_size;
} found;

static void found_name(char *all, uint64_t *size, int name)
{
    memcpy(all + *size, names[name].text, names[name].length + 1);
    *size += names[name].length + 1;
}

/* A watch descriptor that nobody owns, also none of this crawl. */
static char changed[SLOTS];

static int32_t free_wd(void)
{
    for (int tries = 0; tries < 1000; tries++) {
        int32_t wd = (int32_t)below(WDS);
        int is_taken = model_owner[wd] != NOBODY;

        for (int32_t record = 0; record < found.records; record++)
            is_taken |= found.wds[record] == wd;
        if (!is_taken)
            return wd;
    }
    return -1;
}

/* All names of a crawl are different, whatever it says of where they are. */
static void draw_record(int32_t slot, int *next_name)
{
    int32_t record = found.records, wd = free_wd();
    int name = *next_name;

    if (wd < 0)
        return;
    found.visits[slot] = record;
    found.wds[record] = wd;
    found.file_counts[record] = (int32_t)below(below(4) == 0 ? FILES : 4);
    for (int32_t file = 0; file < found.file_counts[record]; file++)
        found_name(found.files, &found.files_size, name++);
    for (uint32_t left = below(6); left > 0 && found.slots < SLOTS; left--) {
        found.dir_counts[record]++;
        found.visits[found.slots++] = -1;
        found_name(found.dirs, &found.dirs_size, name++);
    }
    found.records++;
    *next_name = name;
}

/* A crawl of so many directories, with what was found in those that were visited. */
static void draw_crawl(int32_t count)
{
    int next_name = (int)below(NAMES - RECORDS * (FILES + 5));

    memset(&found, 0, sizeof found);
    for (; found.slots < count; found.slots++)
        found.visits[found.slots] = -1;
    for (int32_t slot = 0; slot < found.slots && found.records < RECORDS; slot++)
        if (below(3) != 0)
            draw_record(slot, &next_name);
}

/* Put some number in it, which will hardly be right. */
static void spoil_crawl(void)
{
    static const int32_t some[] = {-2, -1, 0, 1, RECORDS, SLOTS, 1000000, INT32_MAX, INT32_MIN};
    int32_t value = some[below(sizeof some / sizeof *some)];
    int32_t *one = &found.visits[below(TOPS)], *other = &found.visits[below(SLOTS)];

    switch (below(8)) {
    case 0:
        *other = value;
        break;
    case 7:
        /* Below one that is not visited before. */
        value = *one;
        *one = *other;
        *other = value;
        break;
    case 1:
        found.file_counts[below(RECORDS)] = value;
        break;
    case 2:
        found.dir_counts[below(RECORDS)] = value;
        break;
    case 3:
        found.files_size = below((uint32_t)found.files_size + 1);
        break;
    case 4:
        found.dirs_size = below((uint32_t)found.dirs_size + 1);
        break;
    case 5:
        found.slots = (int32_t)below(SLOTS + 1);
        break;
    default:
        found.records = (int32_t)below(RECORDS + 1);
    }
}

/* Have the model take over what is in the memory in a directory that was new, and below it. */
static void take_over(int node)
{
    char *text, *at;
    int64_t *children, number = model[node].number;
    int64_t size = il_list_size(ledger, number), count = il_live(ledger, number);

    at = text = malloc((size_t)size + 1);
    children = malloc(((size_t)count + 1) * sizeof *children);
    check(il_list(ledger, number, text, (uint64_t)size, children, (uint64_t)count) == 0);
    model[node].wd = il_wd(ledger, number);
    for (int flag = IL_LINK; flag <= IL_LISTED; flag *= 2)
        if (il_has_flag(ledger, number, flag) == 1)
            model[node].flags |= flag;
    if (model[node].wd >= 0 && il_owner(ledger, model[node].wd) == number)
        model_owner[model[node].wd] = node;
    for (int64_t entry = 0; entry < count; entry++, at += strlen(at) + 1) {
        int name = atoi(at), child;

        check(name >= 0 && name < NAMES && strcmp(at, names[name].text) == 0);
        child = children[entry] == IL_NONE ? NOBODY : model_new(children[entry], node, name);
        model_add(&model[node], name, child);
        if (child != NOBODY)
            take_over(child);
    }
    free(children);
    free(text);
}

/* Whether the files or the directories of a record stand in a directory from an entry on; behind them. */
static int found_in(int node, int entry, const char **at, int32_t count, int are_dirs, int *nodes)
{
    for (; count > 0; count--, entry++, *at += strlen(*at) + 1) {
        check(entry < model[node].count);
        check(strcmp(names[model[node].entries[entry].name].text, *at) == 0);
        check((model[node].entries[entry].child != NOBODY) == are_dirs);
        if (are_dirs)
            *nodes++ = model[node].entries[entry].child;
    }
    return entry;
}

/* Check that each directory of a crawl has what was found, and that what is left is what was not visited. */
static void check_adopted(const int *tops, int count, const int64_t *left, int32_t left_count)
{
    int nodes[SLOTS], known = count, unvisited = 0;
    const char *files = found.files, *dirs = found.dirs;

    memcpy(nodes, tops, (size_t)count * sizeof *nodes);
    for (int32_t slot = 0; slot < found.slots; slot++) {
        int32_t record = found.visits[slot];
        int node = nodes[slot];

        if (record < 0) {
            check(unvisited < left_count && left[unvisited++] == model[node].number);
            continue;
        }
        check(model[node].wd == found.wds[record] && model[node].flags == IL_LISTED);
        check(found_in(node, found_in(node, 0, &files, found.file_counts[record], 0, NULL), &dirs,
                       found.dir_counts[record], 1, nodes + known) == model[node].count);
        known += found.dir_counts[record];
    }
    check(known == found.slots && unvisited == left_count);
}

/* What was just adopted agrees with what was found, but for one directory in which a file has changed, perhaps: what is
   below that is not looked at. What was not visited is what was left. */
static void check_agrees(const int *tops, int count, const int64_t *unvisited, int32_t unvisited_count)
{
    int64_t known[SLOTS], *numbers, *left, top = model[tops[0]].number;
    struct il_agreed answer;
    int is_changed = found.records > 0 && below(2) == 0;
    int32_t record = is_changed ? (int32_t)below((uint32_t)found.records) : 0;

    memcpy(known, unvisited, (size_t)unvisited_count * sizeof *known);
    numbers = just(SLOTS * sizeof *numbers);
    left = just(SLOTS * sizeof *left);
    for (int slot = 0; slot < count; slot++)
        numbers[slot] = model[tops[slot]].number;
    if (is_changed)
        crawl->changed[record] = 1;
    check(il_agree(ledger, crawl, numbers, left, SLOTS, count, &answer) == 0);
    check(answer.differ == is_changed && answer.agreed <= found.records - is_changed);
    check(answer.unvisited <= unvisited_count);
    if (!is_changed) {
        check(answer.agreed == found.records && answer.unvisited == unvisited_count);
        for (int32_t at = 0; at < unvisited_count; at++)
            check(left[at] == known[at]);
    }
    if (is_changed)
        check(is_in_use(left[0]));
    numbers[0] = wrong_number();
    check(il_agree(ledger, crawl, numbers, left, SLOTS, count, &answer) == -ESTALE);
    numbers[0] = top;
    check(il_agree(ledger, crawl, numbers, left, (uint64_t)(found.slots - 1), count, &answer) == -EINVAL);
    check(il_agree(ledger, crawl, numbers, left, SLOTS, count + 1, &answer) < 0);
}

static int make_tops(int *tops)
{
    int parent = some_node(), count = 0, most = 1 + (int)below(TOPS);

    while (count < most && parent != NOBODY) {
        int name = some_name();
        int64_t number;

        if (model_find(&model[parent], name))
            break;
        number = il_create(ledger, model[parent].number, names[name].text, names[name].length, 1);
        if (number < 0)
            break;
        tops[count] = model_new(number, parent, name);
        model_add(&model[parent], name, tops[count++]);
    }
    return count;
}

static void do_adopt(void)
{
    int tops[TOPS], count, is_spoilt = below(3) == 0, is_wrong = below(16) == 0;
    int64_t *numbers = just(SLOTS * sizeof *numbers);
    uint64_t before;
    int32_t answer, room = SLOTS;

    if (model_count() + TOPS + SLOTS >= NODES || below(4) != 0 || (count = make_tops(tops)) == 0)
        return idle();
    draw_crawl(count);
    if (is_spoilt)
        spoil_crawl();
    memset(changed, 0, sizeof changed);
    check(ic_crawl_fill(crawl, found.records, found.wds, found.file_counts, found.dir_counts, changed, found.slots,
                        found.visits, found.files, found.files_size, found.dirs, found.dirs_size, 0) == 0);
    for (int slot = 0; slot < SLOTS; slot++)
        numbers[slot] = slot < count ? model[tops[slot]].number : INT32_MAX;
    if (is_wrong)
        numbers[below((uint32_t)count)] = wrong_number();
    before = failures;
    if (below(16) == 0 && found.slots > 0)
        room = found.slots - 1;
    answer = il_adopt(ledger, crawl, numbers, (uint64_t)room, is_spoilt ? (int32_t)below(TOPS + 2) : count);
    if (room < found.slots)
        check(answer == -EINVAL);
    else if (is_wrong && !is_spoilt)
        check(answer == -ESTALE);
    for (int top = 0; top < count; top++)
        take_over(tops[top]);
    if (is_spoilt || is_wrong || room < found.slots)
        return;
    if (!answered(answer, answer < 0 ? 0 : answer, before))
        return;
    check_adopted(tops, count, numbers, answer);
    check_agrees(tops, count, numbers, answer);
}

/* --- apply --- */

struct event {
    int32_t wd;
    uint32_t mask, cookie;
    int name; /* NOBODY: none */
};

enum { EVENTS = 12, FED = EVENTS * (sizeof(struct inotify_event) + LONGEST + 17) };

static struct event events[EVENTS];
static int event_count, event_at;
/* How many plain moves were seen. */
static uint64_t shifts;

static size_t pack(char *out)
{
    size_t size = 0;

    for (int event = 0; event < event_count; event++) {
        const struct event *packed = &events[event];
        uint32_t length = packed->name == NOBODY ? 0 : names[packed->name].length, len = length ? (length / 16 + 1) * 16 : 0;
        struct inotify_event header = {.wd = packed->wd, .mask = packed->mask, .cookie = packed->cookie, .len = len};

        memcpy(out + size, &header, sizeof header);
        memset(out + size + sizeof header, 0, len);
        if (length)
            memcpy(out + size + sizeof header, names[packed->name].text, length);
        size += sizeof header + len;
    }
    return size;
}

/* Let some of the events be both halves of a move, and what is said behind it. */
static void draw_moves(void)
{
    for (int at = 0; at + 2 < event_count; at++) {
        struct event *drawn = &events[at];
        int source = some_node(), target = below(2) ? source : some_node();
        const struct entry *moved;

        if (below(4) != 0 || source == NOBODY || target == NOBODY || model[source].count == 0)
            continue;
        moved = &model[source].entries[below((uint64_t)model[source].count)];
        drawn[0] = (struct event){model[source].wd, IN_MOVED_FROM, 9, moved->name};
        drawn[1] = (struct event){model[target].wd, IN_MOVED_TO, 9, some_name()};
        if (below(20) == 0)
            drawn[below(2)].cookie++;
        if (moved->child == NOBODY)
            continue;
        drawn[0].mask |= IN_ISDIR;
        drawn[1].mask |= IN_ISDIR;
        drawn[2] = (struct event){model[moved->child].wd, IN_MOVE_SELF, 0, NOBODY};
        if (at + 4 < event_count && below(3) == 0) {
            drawn[3] = (struct event){drawn[1].wd, drawn[0].mask, 10, drawn[1].name};
            drawn[4] = (struct event){drawn[0].wd, drawn[1].mask, 10, below(4) ? drawn[0].name : some_name()};
        }
    }
}

static void draw_events(void)
{
    static const uint32_t masks[] = {IN_CREATE, IN_CREATE, IN_DELETE, IN_DELETE, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE,
                                     IN_CREATE | IN_ISDIR, IN_DELETE_SELF, IN_MOVE_SELF, IN_MOVED_FROM, IN_IGNORED};
    int wd = (int)below(WDS), node;

    event_at = 0;
    for (event_count = 0; event_count < EVENTS; event_count++) {
        struct event *drawn = &events[event_count];

        node = some_node();
        if (below(3) == 0 && node != NOBODY && model[node].wd >= 0)
            wd = model[node].wd;
        node = wd < 0 ? NOBODY : model_owner[wd];
        drawn->wd = below(40) == 0 ? -1 : wd;
        drawn->mask = masks[below(below(20) == 0 ? sizeof masks / sizeof *masks : 7)];
        drawn->cookie = below(50) == 0;
        drawn->name = drawn->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) || below(30) == 0 ? NOBODY
                      : drawn->mask == IN_CREATE ? some_name() : name_in(node);
    }
    if (below(2) == 0)
        draw_moves();
}

/* Add data to the queue, as read(2) gave it or by that. */
static long feed(const char *data, size_t size)
{
    static char buffer[FED];
    static int ends[2] = {-1, -1};

    if (below(2) == 0)
        return iq_feed(queue, data, size);
    check(ends[0] >= 0 || pipe(ends) == 0);
    check(write(ends[1], data, size) == (ssize_t)size);
    return iq_read(queue, ends[0], buffer, sizeof buffer);
}

/* The queue, and what came into it. */
static void do_feed(void)
{
    static char data[FED];
    uint64_t before = failures, count = queue->count, at = queue->at;
    size_t size;
    long answer;

    if (event_at < event_count)
        return idle();
    draw_events();
    size = pack(data);
    if (below(8) == 0) {
        /* Not whole: nothing is added, and where nothing waited the places begin anew. */
        answer = feed(data, size - 1 - below(15));
        event_count = event_at = 0;
        check(answer == -EINVAL || (answer == -ENOMEM && failures > before));
        check(queue->at == queue->count && (queue->count == 0 || queue->count == count) && at <= count);
        return;
    }
    answer = feed(data, size);
    check(answer > 0 || (answer == -ENOMEM && failures > before));
    if (answer < 0)
        event_count = event_at = 0;
    check(queue->count - queue->at == (uint64_t)event_count);
}

static void do_look_at_queue(void)
{
    uint64_t begin = queue->count - (uint64_t)event_count, count = below(EVENTS + 2), place = below(EVENTS + 2);
    const struct event *event = &events[place < EVENTS ? place : 0];
    int32_t *wds = just(count * sizeof *wds);
    uint32_t *masks = malloc(count * sizeof *masks), *cookies = malloc(count * sizeof *cookies);
    uint32_t room = below(2) ? LONGEST : below(5);
    char *text = just(room);
    struct iq_raw raw;
    int64_t length;

    check(iq_columns(queue, begin + place, count, wds, masks, cookies) ==
          (place + count > (uint64_t)event_count ? -EINVAL : 0));
    for (uint64_t at = 0; place + count <= (uint64_t)event_count && at < count; at++)
        check(wds[at] == event[at].wd && masks[at] == event[at].mask && cookies[at] == event[at].cookie);
    free(masks);
    free(cookies);
    length = iq_raw(queue, begin + place, &raw, text, room);
    if (place >= (uint64_t)event_count) {
        check(length == -EINVAL && iq_raw(queue, UINT64_MAX, &raw, text, room) == -EINVAL);
    } else {
        check(raw.wd == event->wd && raw.mask == event->mask && raw.cookie == event->cookie);
        check(length == (event->name == NOBODY ? 0 : names[event->name].length));
    }
    check(iq_move_to(queue, queue->count + 1 + below(3)) == -EINVAL && iq_move_to(queue, UINT64_MAX) == -EINVAL);
    if (below(2) == 0 && event_at < event_count) {
        /* Taken one by one. */
        event_at++;
        check(iq_move_to(queue, queue->at + 1) == 0);
    }
}

/* What il_apply is to do with the next event: 'p' it is plain, 's' it is said twice, 0 it is left. */
/* Whether the end of a watch that nobody has is passed by. */
static int ends;

static int model_plain(const struct event *event, int32_t shut)
{
    int node = event->wd < 0 || event->wd >= WDS ? NOBODY : model_owner[event->wd];
    const struct entry *entry;

    if (ends && event->mask == IN_IGNORED && node == NOBODY && event->wd != shut)
        return 's';

    if (node == NOBODY || event->wd == shut || model[node].flags & IL_TWINS || !model[model_root(node)].plain)
        return 0;
    if (event->name == NOBODY && (event->mask == IN_DELETE_SELF || event->mask == IN_MOVE_SELF) && !is_root(node) &&
        !(model[node].flags & IL_LINK))
        return 's';
    entry = event->name == NOBODY ? NULL : model_find(&model[node], event->name);
    if (event->cookie != 0)
        return 0;
    if (model[model_root(node)].passes && !(model[node].flags & IL_FRESH))
        return !entry && event->name != NOBODY &&
                       (event->mask < IN_MOVED_FROM || event->mask == IN_CREATE || event->mask == IN_DELETE)
                   ? 'p'
                   : 0;
    if (event->mask < IN_MOVED_FROM)
        return entry ? 'p' : 0;
    if (event->mask == IN_CREATE)
        return !entry && event->name != NOBODY ? 'p' : 0;
    return event->mask == IN_DELETE && entry && entry->child == NOBODY ? 'p' : 0;
}

/* Where the text at a place begins, of those that each end with a NUL; their end if there are not so many. */
static const char *text_at(const char *texts, uint64_t filled, int32_t place)
{
    const char *end = texts + filled;

    for (; place > 0 && texts < end; place--) {
        const char *last = memchr(texts, '\0', (size_t)(end - texts));

        texts = last == NULL ? end : last + 1;
    }
    return texts;
}

/* Check that a text is what it is to be. */
static void check_text(const char *texts, uint64_t filled, int32_t place, const char *expected, size_t size)
{
    const char *text = text_at(texts, filled, place);

    check((size_t)(texts + filled - text) > size);
    check(memcmp(text, expected, size) == 0 && text[size] == '\0');
}

/* Check what is told of an event; 1 if something is to be told. */
static int model_told(const struct event *event, int32_t at)
{
    static char path[(NODES + 1) * (LONGEST + 1) + 400];
    int node = model_owner[event->wd], root = model_root(node);
    size_t prefix = model_prefix(node, path), size = prefix;

    if (!(event->mask & model[root].asked))
        return 0;
    check(at < told->count && told->wds[at] == event->wd && told->masks[at] == event->mask);
    check(told->kinds[at] ==
          (is_root(node) && model[root].length > 0 && model[root].path[model[root].length - 1] == '/' ? 2 : 1));
    if (event->name != NOBODY) {
        memcpy(path + size, names[event->name].text, names[event->name].length);
        size += names[event->name].length;
    }
    check(told->places[at] >= 0 && told->places[at] < told->texts);
    check_text(told->paths, told->filled, told->places[at], path, size);
    check_text(told->names, told->names_filled, told->places[at], path + prefix, size - prefix);
    return 1;
}

static int model_directory(const struct event *event)
{
    int node = event->wd < 0 || event->wd >= WDS ? NOBODY : model_owner[event->wd];

    return node == NOBODY || model[node].flags & IL_TWINS ? NOBODY : node;
}

/* Whether the events behind a move say that it was moved back. */
static int model_is_back(const struct event *from, const struct event *to)
{
    const struct event *half = NULL;

    for (const struct event *next = from + 3; next < events + event_count; next++) {
        if (!(next->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) ||
            (next->wd != from->wd && next->wd != to->wd))
            continue;
        if (half)
            return next->mask & IN_MOVED_TO && next->cookie == half->cookie && next->wd == from->wd &&
                   next->name == from->name;
        if (!(next->mask & IN_MOVED_FROM) || next->wd != to->wd || next->name != to->name)
            return 0;
        half = next;
    }
    return 0;
}

/* How many events are taken by the plain move that is next; 0 if none is. */
static int model_shift(void)
{
    const struct event *from = &events[event_at], *to = from + 1;
    const struct entry *moved;
    int source, target, child;
    uint32_t is_dir;

    if (event_count - event_at < 2)
        return 0;
    is_dir = from->mask & IN_ISDIR;
    source = model_directory(from);
    target = model_directory(to);
    if (from->mask != (IN_MOVED_FROM | is_dir) || to->mask != (IN_MOVED_TO | is_dir) || from->cookie != to->cookie ||
        from->name == NOBODY || to->name == NOBODY || names[from->name].length + names[to->name].length > 512 ||
        source == NOBODY || target == NOBODY || model_root(source) != model_root(target) ||
        model[model_root(source)].plain != 1 || model[model_root(source)].passes)
        return 0;
    moved = model_find(&model[source], from->name);
    if (!moved || model_find(&model[target], to->name) || (moved->child != NOBODY) != (is_dir != 0))
        return 0;
    if (!is_dir)
        return 2;
    child = moved->child;
    if (event_count - event_at < 3 || from[2].mask != IN_MOVE_SELF || from[2].wd != model[child].wd ||
        model[child].flags & (IL_LINK | IL_TWINS) || from[2].wd < 0 || from[2].wd >= WDS ||
        model_owner[from[2].wd] != child || model_is_within(target, child) || model_is_back(from, to))
        return 0;
    return 3;
}

static void do_shift(void)
{
    const struct event *from = &events[event_at], *to = from + 1;
    struct il_shift *shift = just(sizeof *shift);
    int expected = model_shift();

    check(il_next_shift(ledger, queue, shift) == (expected > 0));
    if (expected > 0) {
        check(shift->next == queue->at + (uint64_t)expected && shift->cookie == from->cookie);
        check(shift->source == model[model_directory(from)].number);
        check(shift->target == model[model_directory(to)].number);
        check(shift->wd == from->wd && shift->mask == from->mask);
        check(shift->new_wd == to->wd && shift->new_mask == to->mask);
        check(shift->length == names[from->name].length && shift->new_length == names[to->name].length);
        check(memcmp(shift->names, names[from->name].text, shift->length) == 0);
        check(memcmp(shift->names + shift->length, names[to->name].text, shift->new_length) == 0);
        shifts++;
    }
}

static void model_change(const struct event *event)
{
    int node = model_owner[event->wd];

    if (model[model_root(node)].passes && !(model[node].flags & IL_FRESH))
        return;
    if (event->mask == IN_CREATE)
        model_add(&model[node], event->name, NOBODY);
    if (event->mask == IN_DELETE)
        model_take(&model[node], model_find(&model[node], event->name));
}

static void do_apply(void)
{
    int32_t shut = below(8) == 0 ? (int32_t)below(WDS) : -7, at = 0;
    int most = 1 + (int)below(EVENTS), done = 0, kind;
    uint64_t before = failures, queue_at = queue->at;
    int64_t answer;

    if (event_at == event_count)
        return idle();
    told->count = 0;
    ends = (int)below(2);
    answer = il_apply(ledger, queue, (uint64_t)most, &shut, 1, ends, told);
    check(queue->at - queue_at == (uint64_t)(answer < 0 ? 0 : answer));
    for (; done < answer; done++, event_at++) {
        kind = model_plain(&events[event_at], shut);
        check(kind != 0);
        if (kind == 's')
            continue;
        at += model_told(&events[event_at], at);
        model_change(&events[event_at]);
    }
    check(at == told->count && told->texts <= at);
    check(text_at(told->paths, told->filled, told->texts) == told->paths + told->filled);
    check(text_at(told->names, told->names_filled, told->texts) == told->names + told->names_filled);
    if (answer < 0) {
        check(answer == -ENOMEM && failures > before && model_plain(&events[event_at], shut) == 'p');
    } else if (told->full) {
        check(done < most && model_plain(&events[event_at], shut) == 'p');
        if (il_told_grow(told) < 0)
            check(failures > before);
    } else if (done < most && event_at < event_count && failures == before) {
        check(model_plain(&events[event_at], shut) == 0);
    }
}

/* --- the whole memory --- */

/* --- fell and raze --- */

static int model_of(int64_t number)
{
    for (int node = 0; node < NODES; node++)
        if (model[node].number == number && is_in_use(number))
            return node;
    return NOBODY;
}

/* Whether a directory may be taken out with others. */
static int model_is_alone(int node)
{
    int wd = model[node].wd;

    return !(model[node].flags & (IL_TWINS | IL_LINK)) && (wd < 0 || (wd < WDS && model_owner[wd] == node));
}

static void model_raze(int node, int is_top)
{
    for (int at = 0; at < model[node].count; at++) {
        int child = model[node].entries[at].child;

        check(child == NOBODY || model[child].count == 0);
        if (child != NOBODY)
            model_end(child);
    }
    model[node].count = 0;
    if (!is_top && model[node].wd >= 0) {
        model_owner[model[node].wd] = NOBODY;
        model[node].wd = -1;
    }
}

static void do_raze(void)
{
    int node, most = 1 + (int)below(TOPS), told_of = 0;
    uint32_t of_file = below(3) == 0 ? 0 : IN_DELETE, of_directory = below(3) == 0 ? 0 : IN_DELETE | IN_ISDIR;
    int64_t top = given(&node), *numbers = just((size_t)most * sizeof *numbers);
    int32_t *wds = just((size_t)most * sizeof *wds), count, freed, had = 0;

    if (below(8) != 0)
        return idle();
    count = il_fell(ledger, top, told, of_file, of_directory, numbers, most);
    if (node == NOBODY) {
        check(count == -ESTALE);
        return;
    }
    check(count >= 0 && count <= most);
    for (int32_t at = 0; at < count; at++) {
        int emptied = model_of(numbers[at]);

        check(emptied != NOBODY && model_is_within(emptied, node));
        check(emptied == node || model_is_alone(emptied));
        for (int entry = 0; entry < model[emptied].count; entry++)
            told_of += (model[emptied].entries[entry].child == NOBODY ? of_file : of_directory) != 0;
        had += emptied != node && model[emptied].wd >= 0;
    }
    check(told->count == told_of);
    told->count = 0;
    if (below(16) == 0) {
        int64_t wrong = wrong_number();

        check(il_raze(ledger, top, &wrong, 1, wds) == -ESTALE);
    }
    freed = il_raze(ledger, top, numbers, count, wds);
    check(freed == had);
    for (int32_t at = 0; at < count; at++)
        model_raze(model_of(numbers[at]), numbers[at] == top);
}

static void check_entries(int node)
{
    const struct model_node *expected = &model[node];
    int32_t place = il_node_of(ledger, expected->number);
    const struct il_node *in_memory = &ledger->nodes[place];
    uint32_t at = 0, all = 0, live = 0, indexed = 0;

    for (; at < in_memory->filled; at += il_size(in_memory->names + at), all++) {
        const char *entry = in_memory->names + at;
        const struct entry *should = &expected->entries[live];

        if (!il_is_live(entry))
            continue;
        check(live < (uint32_t)expected->count && il_length(entry) == names[should->name].length);
        check(memcmp(entry + il_name_at(entry), names[should->name].text, il_length(entry)) == 0);
        check(il_find(ledger, place, names[should->name].text, names[should->name].length) == at);
        check(!il_is_stamped(entry) == (should->stamp == 0));
        check(il_is_directory(entry) ? should->child != NOBODY : should->child == NOBODY);
        if (should->child != NOBODY) {
            check(il_number_of(ledger, il_child(entry)) == model[should->child].number);
            check(ledger->nodes[il_child(entry)].parent == place && ledger->nodes[il_child(entry)].at == at);
        }
        live++;
    }
    check(at == in_memory->filled && at <= in_memory->room);
    check(all == in_memory->entries && live == in_memory->live && (int)live == expected->count);
    if (in_memory->index == NULL) {
        check(all <= IL_FEW);
        return;
    }
    for (uint32_t slot = 0; slot < 1u << in_memory->index_bits; slot++)
        indexed += in_memory->index[slot] != 0;
    /* At most three quarters are taken, so what is looked for has an end near by. */
    check(indexed == all && all <= (UINT64_C(3) << in_memory->index_bits) / 4);
}

static void check_free_places(void)
{
    int32_t in_use = 0, are_free = 0, retired = 0, chained = 0;

    for (int32_t place = 0; place < ledger->count; place++) {
        const struct il_node *node = &ledger->nodes[place];

        in_use += !(node->flags & IL_FREE);
        are_free += (node->flags & IL_FREE) != 0;
        /* It was used as often as it can be; the last times there may have been no memory for its name. */
        if ((node->flags & IL_FREE) && node->generation == 0)
            check(++retired > 0 && last_number[place] >> 32 >= IL_LAST_GENERATION - OLD);
    }
    for (int32_t place = ledger->free; place != IL_NONE; place = ledger->nodes[place].parent) {
        check(ledger->nodes[place].flags & IL_FREE && ledger->nodes[place].names == NULL);
        check(++chained <= are_free);
    }
    check(in_use == model_count() && chained == are_free - retired && ledger->count <= ledger->room);
}

static void check_owners(void)
{
    uint32_t count = 0;

    for (uint64_t slot = 0; ledger->owners != NULL && slot <= ledger->owner_mask; slot++) {
        int32_t owner = ledger->owners[slot], wd;

        if (owner == IL_NONE)
            continue;
        wd = ledger->nodes[owner].wd;
        check(wd >= 0 && il_slot(ledger, wd) == slot && model_owner[wd] != NOBODY);
        check(model[model_owner[wd]].number == il_number_of(ledger, owner));
        count++;
    }
    check(count == ledger->owner_count && (int)count == model_owned());
    check(ledger->owners == NULL || count * 10 <= ((uint64_t)ledger->owner_mask + 1) * 8);
}

static void check_all(void)
{
    checks++;
    for (int node = 0; node < NODES; node++) {
        if (!model[node].in_use)
            continue;
        check(il_is_node(ledger, model[node].number) && il_wd(ledger, model[node].number) == model[node].wd);
        check((ledger->nodes[(uint32_t)model[node].number].flags & IL_SETTABLE) == model[node].flags);
        check_entries(node);
    }
    check_free_places();
    check_owners();
}

/* --- worlds --- */

/* Let places that are free have been used so often that they will soon be left alone. */
static void do_age(void)
{
    if (below(50) != 0)
        return idle();
    for (int32_t place = ledger->free; place != IL_NONE; place = ledger->nodes[place].parent) {
        uint32_t generation = IL_LAST_GENERATION - below(OLD);

        if (generation <= ledger->nodes[place].generation)
            continue;
        ledger->nodes[place].generation = generation;
        last_number[place] = (int64_t)(generation - 1) << 32 | place;
    }
}

static const struct {
    const char *name;
    void (*work)(void);
    uint32_t often;
} DOING[] = {
    {"create", do_create, 30},
    {"get", do_get, 5},
    {"drop", do_drop, 14},
    {"clear", do_clear, 3},
    {"forget_files", do_forget_files, 2},
    {"graft", do_graft, 8},
    {"compare, stamp, stamps_of", do_stamp, 10},
    {"live, list_size, list", do_look_at_entries, 2},
    {"is_node, wd, is_within, parent, has_flag, name, prefix", do_look_at_node, 5},
    {"set_flag", do_set_flag, 5},
    {"add_root", do_add_root, 8},
    {"set_root", do_set_root, 2},
    {"drop_root", do_drop_root, 3},
    {"own", do_own, 12},
    {"set_wd", do_set_wd, 3},
    {"owner, owner_count, wds, disown", do_owner, 4},
    {"adopt", do_adopt, 3},
    {"feed, read", do_feed, 8},
    {"columns, raw, move_to", do_look_at_queue, 3},
    {"apply", do_apply, 16},
    {"next_shift", do_shift, 8},
    {"raze", do_raze, 8},
    {"age", do_age, 1},
};

static void do_one(void)
{
    enum { MOST = sizeof DOING / sizeof *DOING };
    uint32_t all = 0, drawn;
    size_t at = 0;

    for (size_t which = 0; which < MOST; which++)
        all += DOING[which].often;
    for (drawn = below(all); drawn >= DOING[at].often; at++)
        drawn -= DOING[at].often;
    verb = DOING[at].name;
    is_idle = 0;
    DOING[at].work();
    executions += !is_idle;
}

static void begin_world(void)
{
    static const uint64_t one_in[] = {0, 0, 40, 6};
    int failed;

    worlds++;
    few_names = below(3) == 0 ? NAMES : 8 + (int)below(60);
    favours_first = below(4) == 0 ? 6 : 0;
    for (int wd = 0; wd < WDS; wd++)
        model_owner[wd] = NOBODY;
    for (int place = 0; place < 2 * NODES; place++)
        last_number[place] = -1;
    stale_count = 0;
    event_count = event_at = 0;
    failing_one_in = one_in[below(4)];
    while ((ledger = il_new(sizeof *ledger)) == NULL)
        ;
    check(il_begin(ledger) == 0);
    while ((queue = iq_new(sizeof *queue)) == NULL)
        ;
    while ((told = il_told_new(sizeof *told)) == NULL)
        ;
    while ((failed = il_told_have(told, 1 + (int32_t)below(EVENTS), 1 + below(600))) < 0)
        check(failed == -ENOMEM && told->wds == NULL && told->room == 0);
    while ((crawl = ic_crawl_new(sizeof *crawl)) == NULL)
        ;
    while ((failed = ic_crawl_have(crawl, RECORDS, SLOTS, CRAWL_ROOM)) < 0)
        check(failed == -ENOMEM && crawl->wds == NULL && crawl->room == 0);
    check(memcmp(&ledger->key, sip_process_key(&failed), sizeof ledger->key) == 0);
    /* The process's own is another one in each run. */
    ledger->key = (struct sip_key){chance(), chance()};
    ledger->owner_key = chance();
}

static void end_world(void)
{
    check_all();
    il_free(ledger);
    iq_free(queue);
    il_told_free(told);
    ic_crawl_free(crawl);
    for (int node = 0; node < NODES; node++) {
        free(model[node].entries);
        model[node] = (struct model_node){.entries = NULL};
    }
}

/* Do what the sanitizers have to report; 0 if it is nothing of that kind. */
static int do_on_purpose(const char *what)
{
    /* Volatile, so that the compiler does not see it coming. */
    volatile size_t count = 2;
    volatile int32_t *room = malloc(count * sizeof *room), much = INT32_MAX;

    if (strcmp(what, "overflow") == 0)
        room[count] = 1;
    else if (strcmp(what, "undefined") == 0)
        much++;
    else if (strcmp(what, "leak") == 0)
        room = NULL;
    else
        return free((void *)room), 0;
    return 1;
}

int main(int argc, char **argv)
{
    uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

    if (argc > 1 && do_on_purpose(argv[1]))
        return 0;
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    chance_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    make_names();
    while (executions < most) {
        uint32_t left = 1 + below(4000), until_check = 1;

        begin_world();
        for (; left > 0 && executions < most; left--) {
            do_one();
            if (--until_check == 0) {
                check_all();
                until_check = 1 + below(20);
            }
        }
        end_world();
    }
    printf("fuzz_ledger: %llu executions in %llu worlds, %llu checks of the whole memory, %llu wrong numbers refused, "
           "%llu plain moves, %llu of %llu allocations failed, seed %llu: all right\n",
           (unsigned long long)executions, (unsigned long long)worlds, (unsigned long long)checks,
           (unsigned long long)refusals, (unsigned long long)shifts, (unsigned long long)failures,
           (unsigned long long)allocations,
           (unsigned long long)seed);
    return 0;
}
