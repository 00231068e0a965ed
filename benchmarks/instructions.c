/* Work for callgrind to count: each case makes its input and does a fixed amount of work with functions of csrc/.

   instructions                    says the names of the cases, one a line
   instructions CASE DIRECTORY     does the work in a directory that is empty, and says how many units it was

   To add a case: a function that makes its input, calls start(), does the work and returns the number of units;
   its line in CASES; its bound in instructions.py. Only the instructions of files in csrc/ are counted, and of those
   the ones behind start(). What does not give what it should ends the program: less work is no success. */

#include "../csrc/kernel.c"

#include <stdlib.h>

/* The functions that are counted, behind pointers that the compiler can not see through: so they are compiled for
   any arguments and any caller, as they are for Python. */
static __typeof__(&ic_split) volatile split = ic_split;
static __typeof__(&ic_list) volatile list = ic_list;
static __typeof__(&ic_crawl) volatile crawl = ic_crawl;

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

        while ((got = list(fd, out, sizeof out)) > 0)
            for (long at = 0; at < got; at++)
                entries += out[at] == '\0';
        check(got == 0, "ic_list");
        close(fd);
    }
    check(entries == ENTRIES, "ic_list");
    return DIRECTORIES;
}

static long crawl_tree(void)
{
    static char files[BUFFER], dirs[BUFFER], names[TOPS * sizeof(tree_path)];
    static int32_t wds[DIRECTORIES], file_counts[DIRECTORIES], dir_counts[DIRECTORIES], visits[DIRECTORIES];
    struct ic_crawl found = {
        .inotify = ic_init(), .mask = IN_CREATE | IN_DELETE | IN_ONLYDIR, .most_records = DIRECTORIES,
        .most_slots = DIRECTORIES, .room = BUFFER, .wds = wds, .file_counts = file_counts,
        .dir_counts = dir_counts, .visits = visits, .files = files, .dirs = dirs,
    };
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), at = 0, entries = 0;

    check(found.inotify >= 0, "ic_init");
    check(fd >= 0, "open");
    make_tree();
    for (int top = 0; top < TOPS; top++)
        at += 1 + snprintf(names + at, sizeof names - at, "top-%d", top);
    start();
    crawl(&found, fd, names, TOPS);
    for (int record = 0; record < found.records; record++)
        entries += file_counts[record] + dir_counts[record];
    check(found.records == DIRECTORIES && entries == ENTRIES, "ic_crawl");
    return DIRECTORIES;
}

static const struct {
    const char *name;
    long (*work)(void);
} CASES[] = {
    {"ic_split-short", split_short},
    {"ic_split-long", split_long},
    {"ic_list", list_tree},
    {"ic_crawl", crawl_tree},
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
