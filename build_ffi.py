"""Declare the kernel interface and describe how to compile it.

The declarations are one list: every constant of inotify and epoll, read from the headers, and the functions of
``csrc/``.
"""

from pathlib import Path

from cffi import FFI

CDEF = """
/* <sys/inotify.h>, inotify(7) */
#define IN_ACCESS ...
#define IN_MODIFY ...
#define IN_ATTRIB ...
#define IN_CLOSE_WRITE ...
#define IN_CLOSE_NOWRITE ...
#define IN_OPEN ...
#define IN_MOVED_FROM ...
#define IN_MOVED_TO ...
#define IN_CREATE ...
#define IN_DELETE ...
#define IN_DELETE_SELF ...
#define IN_MOVE_SELF ...
#define IN_UNMOUNT ...
#define IN_Q_OVERFLOW ...
#define IN_IGNORED ...
#define IN_ONLYDIR ...
#define IN_DONT_FOLLOW ...
#define IN_EXCL_UNLINK ...
#define IN_MASK_CREATE ...
#define IN_MASK_ADD ...
#define IN_ISDIR ...
#define IN_ONESHOT ...

/* <fcntl.h>, open(2); the os module of PyPy lacks it */
#define O_PATH ...

/* <sys/epoll.h>, epoll(7) */
#define EPOLLIN ...
#define EPOLLPRI ...
#define EPOLLEXCLUSIVE ...

/* csrc/kernel.c: a failed call gives -errno */
#define IC_MOST_READY ...

int ic_init(void);
int ic_add_watch(int inotify, const char *path, uint32_t mask);
int ic_watch_fd(int inotify, int fd, uint32_t mask);
int ic_rm_watch(int inotify, int wd);
long ic_read(int fd, char *buffer, size_t size);
int ic_queued(int inotify);
long ic_split(const char *buffer, size_t size, int32_t *wds, uint32_t *masks, uint32_t *cookies,
              char *names, size_t *names_size);
long ic_list(int fd, char *out, size_t size);
struct ic_crawl {
    int32_t inotify, last_wd;
    uint32_t mask;
    int32_t records, most_records, slots, most_slots;
    uint64_t files_filled, dirs_filled, room;
    int32_t *wds, *file_counts, *dir_counts;
    int32_t *visits, *slots_of;
    char *files, *dirs;
    int32_t no_files;
};
void ic_crawl(struct ic_crawl *crawl, int fd, const char *names, int count);
int ic_set_next_wd(int inotify, int wd);
int ic_epoll_create(void);
int ic_epoll_add(int epoll, int fd, uint32_t events);
int ic_epoll_wait(int epoll, int *ready, int timeout_ms);
int ic_eventfd(void);

/* csrc/links.c */
void ic_crawl_directories(struct ic_crawl *crawl, int fd, const char *names, int count);

/* csrc/queue.c */
struct iq_queue {
    int32_t *wds;
    uint32_t *masks, *cookies;
    uint64_t *ends;
    char *names;
    uint64_t at, count, room, names_filled, names_room, bad;
};
struct iq_queue *iq_new(void);
void iq_free(struct iq_queue *queue);
long iq_feed(struct iq_queue *queue, const char *data, size_t size);
long iq_read(struct iq_queue *queue, int fd, char *buffer, size_t size);

/* csrc/ledger.c */
#define IL_NONE ...
#define IL_ABSENT ...
#define IL_ROOT ...
#define IL_LINK ...
#define IL_TWINS ...
#define IL_FRESH ...
#define IL_LISTED ...
struct il_ledger;
struct il_ledger *il_new(void);
void il_free(struct il_ledger *ledger);
int32_t il_create(struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length, int is_dir);
int32_t il_get(const struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length);
int32_t il_drop(struct il_ledger *ledger, int32_t parent, const char *name, uint32_t length);
int il_clear(struct il_ledger *ledger, int32_t directory);
int32_t il_graft(struct il_ledger *ledger, int32_t source, const char *name, uint32_t length, int32_t parent,
                 const char *new_name, uint32_t new_length);
const char *il_name(const struct il_ledger *ledger, int32_t node, uint32_t *length);
int il_is_node(const struct il_ledger *ledger, int32_t node);
int32_t il_parent(const struct il_ledger *ledger, int32_t node);
int32_t il_wd(const struct il_ledger *ledger, int32_t node);
uint32_t il_live(const struct il_ledger *ledger, int32_t node);
int il_has_flag(const struct il_ledger *ledger, int32_t node, int flag);
void il_set_flag(struct il_ledger *ledger, int32_t node, int flag, int is_set);
int il_is_within(const struct il_ledger *ledger, int32_t node, int32_t ancestor);
int32_t il_way(const struct il_ledger *ledger, int32_t node, int32_t wd, int32_t *depth, int32_t *links);
void il_forget_files(struct il_ledger *ledger, int32_t directory);
uint64_t il_list_size(const struct il_ledger *ledger, int32_t directory);
uint64_t il_list(const struct il_ledger *ledger, int32_t directory, char *names, int32_t *children);
int32_t il_add_root(struct il_ledger *ledger);
int il_set_root(struct il_ledger *ledger, int32_t node, const char *name, uint32_t length, uint32_t asked,
                int plain, int passes);
int il_drop_root(struct il_ledger *ledger, int32_t node);
uint64_t il_prefix(const struct il_ledger *ledger, int32_t directory, char *out, uint64_t room);
int32_t il_owner(const struct il_ledger *ledger, int32_t wd);
int il_own(struct il_ledger *ledger, int32_t wd, int32_t node);
void il_disown(struct il_ledger *ledger, int32_t wd);
void il_set_wd(struct il_ledger *ledger, int32_t node, int32_t wd);
uint32_t il_owner_count(const struct il_ledger *ledger);
void il_wds(const struct il_ledger *ledger, int32_t *wds);
int32_t il_adopt(struct il_ledger *ledger, const struct ic_crawl *crawl, int32_t *nodes, int32_t count);

/* csrc/plain.c */
struct il_told {
    int32_t *wds;
    uint32_t *masks;
    uint8_t *kinds;
    char *paths;
    uint64_t filled, room;
    int32_t count, most, full, alike;
};
int64_t il_apply(struct il_ledger *ledger, struct iq_queue *queue, uint64_t most, const int32_t *wds,
                 int32_t wd_count, struct il_told *told);

/* csrc/ahead.c */
struct ic_ahead;
struct ic_ahead *ic_ahead_start(int inotify, size_t size, int shares, int *failed);
int ic_ahead_filled(struct ic_ahead *ahead);
long ic_ahead_read(struct ic_ahead *ahead, char *buffer, size_t size);
long ic_ahead_queued(struct ic_ahead *ahead);
uint64_t ic_ahead_most_held(struct ic_ahead *ahead);
void ic_ahead_end(struct ic_ahead *ahead);
void ic_ahead_forked(struct ic_ahead *ahead);
void ic_ahead_free(struct ic_ahead *ahead);
"""

# In this order: each relies on those before it.
SOURCES = ("csrc/kernel.c", "csrc/links.c", "csrc/queue.c", "csrc/ledger.c", "csrc/plain.c", "csrc/ahead.c")

here = Path(__file__).resolve().parent
ffibuilder = FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source(
    "inotify_cffi._inotify",
    "\n".join((here / source).read_text() for source in SOURCES),
    # What the module is made from: a change rebuilds it, and the sdist carries it.
    depends=["build_ffi.py", *SOURCES],
    define_macros=[("_GNU_SOURCE", "1")],
    # glibc has the threads in a library of their own before 2.34.
    extra_compile_args=["-Wall", "-Wextra", "-pthread"],
    extra_link_args=["-pthread"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
