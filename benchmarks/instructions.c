/* Work for callgrind to count: each case makes its input and does a fixed amount of work with functions of csrc/.

   instructions                    says the names of the cases, one a line
   instructions CASE DIRECTORY     does the work in a directory that is empty, and says how many units it was

   To add a case: a function that makes its input, calls start(), does the work and returns the number of units;
   its line in CASES; its bound in instructions.py. Only the instructions of files in csrc/ are counted, and of those
   the ones behind start(). What does not give what it should ends the program: less work is no success. */

#include "../csrc/kernel.c"
#include "../csrc/listing.c"
#include "../csrc/crawl.c"
#include "../csrc/links.c"
#include "../csrc/names.c"
#include "../csrc/queue.c"
#include "../csrc/siphash.c"
#include "../csrc/ledger.c"
#include "../csrc/entries.c"
#include "../csrc/watches.c"
#include "../csrc/verbs.c"
#include "../csrc/roots.c"
#include "../csrc/adopt.c"
#include "../csrc/plain.c"

/* The functions that are counted, behind pointers that the compiler can not see through: so they are compiled for
   any arguments and any caller, as they are for Python. */
static __typeof__(&ic_split) volatile split = ic_split;
static __typeof__(&ic_list) volatile list = ic_list;
static __typeof__(&ic_crawl) volatile crawl = ic_crawl;
static __typeof__(&ic_crawl_directories) volatile crawl_leaves = ic_crawl_directories;
static __typeof__(&iq_feed) volatile feed = iq_feed;
static __typeof__(&il_adopt) volatile adopt = il_adopt;
static __typeof__(&il_apply) volatile apply = il_apply;
static __typeof__(&il_create) volatile create = il_create;
static __typeof__(&il_get) volatile get = il_get;
static __typeof__(&il_own) volatile own = il_own;
static __typeof__(&il_disown) volatile disown = il_disown;
static __typeof__(&sip_hash) volatile hash = sip_hash;
static __typeof__(&ic_text) volatile as_text = ic_text;
static __typeof__(&ic_raw) volatile as_bytes = ic_raw;

/* Callgrind forgets what it has counted when this is entered. */
__attribute__((noinline)) static void start(void)
{
    __asm__ volatile("");
}

static void check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "instructions: %s failed (errno: %s)\n", what, strerror(errno));
    exit(1);
}

/* --- split: events --- */

enum { BUFFER = 65536, SMALLEST_RECORD = sizeof(struct inotify_event) };

/* As many records as fit, each with a name so long; padded as the kernel does it. */
static long split_names(size_t length)
{
    static char buffer[BUFFER], names[BUFFER];
    static int32_t wds[BUFFER / SMALLEST_RECORD];
    static uint32_t masks[BUFFER / SMALLEST_RECORD], cookies[BUFFER / SMALLEST_RECORD];
    const struct inotify_event record = {.wd = 1, .mask = IN_CREATE, .len = (length / 16 + 1) * 16};
    size_t size = 0, filled = 0;
    long count = 0;

    for (; BUFFER - size >= sizeof record + record.len; count++) {
        memcpy(buffer + size, &record, sizeof record);
        memset(buffer + size + sizeof record, 'n', length);
        size += sizeof record + record.len;
    }
    start();
    check(split(buffer, size, wds, masks, cookies, names, &filled) == count, "ic_split");
    check(filled == count * (length + 1), "ic_split");
    return count;
}

static long split_short(void)
{
    return split_names(8);
}

static long split_long(void)
{
    return split_names(255);
}

/* --- list, crawl: directories of a tree of two levels, with so many files in each --- */

enum { TOPS = 20, BELOW = 9, FILES = 5, DIRECTORIES = TOPS * (1 + BELOW), ENTRIES = DIRECTORIES * FILES + TOPS * BELOW };

typedef char tree_path[32];

static int open_directory(int number)
{
    tree_path path;
    int fd, top = number / (1 + BELOW), below = number % (1 + BELOW);

    if (below == 0)
        snprintf(path, sizeof path, "top-%d", top);
    else
        snprintf(path, sizeof path, "top-%d/below-%d", top, below);
    mkdir(path, 0700);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(fd >= 0, path);
    return fd;
}

static void make_tree(void)
{
    for (int number = 0; number < DIRECTORIES; number++) {
        int fd = open_directory(number);

        for (int file = 0; file < FILES; file++) {
            tree_path name;

            snprintf(name, sizeof name, "file-%d", file);
            check(mknodat(fd, name, S_IFREG | 0600, 0) == 0, name);
        }
        close(fd);
    }
}

static long list_tree(void)
{
    static char out[LIST_CHUNK];
    long entries = 0;

    make_tree();
    start();
    for (int number = 0; number < DIRECTORIES; number++) {
        int fd = open_directory(number);
        long got;
        int is_cut;

        while ((got = list(fd, out, sizeof out, &is_cut)) > 0)
            for (long at = 0; at < got; at++)
                entries += out[at] == '\0';
        check(got == 0, "ic_list");
        close(fd);
    }
    check(entries == ENTRIES, "ic_list");
    return DIRECTORIES;
}

static struct ic_crawl *crawl_made_tree(__typeof__(&ic_crawl) way, int expected)
{
    static char names[TOPS * sizeof(tree_path)];
    struct ic_crawl *found = ic_crawl_new(sizeof *found);
    int inotify = ic_init(), fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), at = 0, entries = 0;

    check(found != NULL && ic_crawl_have(found, DIRECTORIES, DIRECTORIES, BUFFER) == 0, "ic_crawl_have");
    check(inotify >= 0, "ic_init");
    check(fd >= 0, "open");
    make_tree();
    for (int top = 0; top < TOPS; top++)
        at += 1 + snprintf(names + at, sizeof names - at, "top-%d", top);
    start();
    way(found, inotify, IN_CREATE | IN_DELETE | IN_ONLYDIR, 0, DIRECTORIES, 0, fd, names, (uint64_t)at);
    for (int record = 0; record < found->records; record++)
        entries += found->file_counts[record] + found->dir_counts[record];
    check(found->records == DIRECTORIES && entries == expected, "ic_crawl");
    return found;
}

static long crawl_tree(void)
{
    crawl_made_tree(crawl, ENTRIES);
    return DIRECTORIES;
}

/* On a file system that counts the links of directories, as ext4 and tmpfs do; elsewhere it takes more. */
static long crawl_directories(void)
{
    crawl_made_tree(crawl_leaves, TOPS * BELOW);
    return DIRECTORIES;
}

/* --- adopt, apply: the ledger of that tree --- */

/* A ledger with a root, and in it the directories from which the crawl began; their nodes. */
static struct il_ledger *new_ledger(int64_t *nodes)
{
    struct il_ledger *ledger = il_new(sizeof *ledger);
    int64_t root;

    check(ledger != NULL && il_begin(ledger) == 0, "il_begin");
    /* The key decides how often two names, and two watches, fall on one place. */
    ledger->key = (struct sip_key){1, 2};
    ledger->owner_key = 3;
    root = il_add_root(ledger, "/root", 5, IN_ALL_EVENTS, 1, 0);
    check(root >= 0, "il_add_root");
    for (int top = 0; top < TOPS; top++) {
        tree_path name;
        int length = snprintf(name, sizeof name, "top-%d", top);

        nodes[top] = create(ledger, root, name, (uint32_t)length, 1);
        check(nodes[top] >= 0, "il_create");
    }
    return ledger;
}

static struct il_ledger *adopted_tree(int32_t *wds)
{
    static int64_t nodes[DIRECTORIES];
    struct ic_crawl *found = crawl_made_tree(crawl, ENTRIES);
    struct il_ledger *ledger = new_ledger(nodes);

    start();
    check(adopt(ledger, found, nodes, DIRECTORIES, TOPS) == 0, "il_adopt");
    check(ledger->count == DIRECTORIES + 1, "il_adopt");
    memcpy(wds, found->wds, DIRECTORIES * sizeof *wds);
    return ledger;
}

static long adopt_tree(void)
{
    int32_t wds[DIRECTORIES];

    adopted_tree(wds);
    return DIRECTORIES;
}

/* A file is made, written, touched and removed in each directory in turn, and all of it is told. */
static long apply_in_tree(void)
{
    static const uint32_t masks[] = {IN_CREATE, IN_MODIFY, IN_ATTRIB, IN_DELETE};
    enum { KINDS = 4, EVENTS = DIRECTORIES * KINDS, PATH = 64 };
    static int32_t wds[DIRECTORIES];
    struct il_told *told = il_told_new(sizeof *told);
    struct il_ledger *ledger = adopted_tree(wds);
    struct iq_queue *queue = iq_new(sizeof *queue);

    check(told != NULL && il_told_have(told, EVENTS, EVENTS * PATH) == 0, "il_told_have");
    for (int number = 0; number < EVENTS; number++) {
        struct {
            struct inotify_event header;
            char name[16];
        } record = {.header = {.wd = wds[number / KINDS], .mask = masks[number % KINDS], .len = 16}, .name = "new"};

        check(feed(queue, (const char *)&record, sizeof record) == 1, "iq_feed");
    }
    start();
    check(apply(ledger, queue, EVENTS, NULL, 0, 0, told) == EVENTS && told->count == EVENTS, "il_apply");
    return EVENTS;
}

/* --- one large directory: many names made and found again --- */

static long large_directory(void)
{
    enum { MANY = 10000 };
    int64_t nodes[TOPS];
    struct il_ledger *ledger = new_ledger(nodes);

    start();
    for (int number = 0; number < MANY; number++) {
        /* The same name without the help of libc. */
        char name[] = "file-0000";

        for (int left = number, at = sizeof name - 2; at >= 5; at--, left /= 10)
            name[at] += (char)(left % 10);
        check(create(ledger, nodes[0], name, sizeof name - 1, 0) == IL_NONE, "il_create");
        check(get(ledger, nodes[0], name, sizeof name - 1) == IL_NONE, "il_get");
    }
    return MANY;
}

/* --- the hash of a name --- */

/* Of 16 bytes: two whole words, and the one with the length, as most names have it. */
static long hashed(void)
{
    enum { MANY = 1000 };
    const struct sip_key key = {1, 2};
    char name[] = "a-name-of-a-file";
    uint64_t all = 0;

    start();
    for (int number = 0; number < MANY; number++)
        all ^= hash(&key, name, sizeof name - 1);
    /* Each is the same. */
    check(all == 0, "sip_hash");
    return MANY;
}

/* --- a name whose bytes are no characters --- */

/* So long that what a byte takes is far above the bound where it grows with how many there are. */
enum { ODD = 65536 };

static long odd_as_text(void)
{
    static char raw[ODD];
    static char32_t text[ODD];

    memset(raw, 0xff, sizeof raw);
    start();
    check(as_text(raw, ODD, text) == ODD, "ic_text");
    check(text[ODD - 1] == IC_ESCAPE + 0xff, "ic_text");
    return ODD;
}

static long odd_as_bytes(void)
{
    static char32_t text[ODD];

    for (int at = 0; at < ODD; at++)
        text[at] = IC_ESCAPE + 0xff;
    start();
    check(as_bytes(text, ODD) == ODD, "ic_raw");
    return ODD;
}

/* --- watch descriptors, which the kernel counts up --- */

static long owned_in_turn(void)
{
    enum { MANY = 10000 };
    static int64_t nodes[MANY];
    struct il_ledger *ledger = new_ledger(nodes);

    for (int number = 0; number < MANY; number++) {
        nodes[number] = il_add_root(ledger, "/", 1, 0, 0, 0);
        check(nodes[number] >= 0, "il_add_root");
    }
    start();
    for (int number = 0; number < MANY; number++)
        check(own(ledger, 1 + number, nodes[number]) == 0, "il_own");
    for (int number = 0; number < MANY; number++)
        disown(ledger, 1 + number);
    check(ledger->owner_count == 0, "il_disown");
    return MANY;
}

static const struct {
    const char *name;
    long (*work)(void);
} CASES[] = {
    {"ic_split-short", split_short},
    {"ic_split-long", split_long},
    {"ic_list", list_tree},
    {"ic_crawl", crawl_tree},
    {"ic_crawl-dirs", crawl_directories},
    {"il_adopt", adopt_tree},
    {"il_apply", apply_in_tree},
    {"il_create", large_directory},
    {"il_own", owned_in_turn},
    {"sip_hash", hashed},
    {"ic_text", odd_as_text},
    {"ic_raw", odd_as_bytes},
};

int main(int argc, char **argv)
{
    const size_t most = sizeof CASES / sizeof CASES[0];

    if (argc != 1 && argc != 3) {
        fputs("usage: instructions [CASE DIRECTORY]\n", stderr);
        return 2;
    }
    for (size_t number = 0; number < most; number++) {
        if (argc == 1) {
            puts(CASES[number].name);
        } else if (strcmp(argv[1], CASES[number].name) == 0) {
            check(chdir(argv[2]) == 0, argv[2]);
            printf("%ld\n", CASES[number].work());
            return 0;
        }
    }
    if (argc == 1)
        return 0;
    fprintf(stderr, "instructions: there is no case %s\n", argv[1]);
    return 2;
}
