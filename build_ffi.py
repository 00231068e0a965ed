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
#define AT_FDCWD ...

/* <sys/epoll.h>, epoll(7) */
#define EPOLLIN ...
#define EPOLLPRI ...
#define EPOLLOUT ...
#define EPOLLONESHOT ...
#define EPOLLEXCLUSIVE ...

/* csrc/kernel.c: a failed call gives -errno */
#define IC_MOST_READY ...

int ic_add_watch(int inotify, const char *path, uint32_t mask);
int ic_watch_fd(int inotify, int fd, uint32_t mask);
int ic_rm_watch(int inotify, int wd);
int ic_queued(int inotify);
long ic_split(const char *buffer, size_t size, int32_t *wds, uint32_t *masks, uint32_t *cookies,
              char *names, size_t *names_size);
int ic_set_next_wd(int inotify, int wd);
int ic_epoll_add(int epoll, int fd, uint32_t events);
int ic_epoll_remove(int epoll, int fd);
int ic_epoll_wait(int epoll, int *ready, int timeout_ms);
int ic_set_timer(int timer, int64_t after_ns);

/* csrc/listing.c */
int ic_leaves_out(int fd);
long ic_list(int fd, char *out, size_t size, int *is_cut);
long ic_list_at_once(int fd, char *out, size_t size);

/* csrc/crawl.c; its fields are to be read only */
struct ic_crawl {
    int32_t last_wd, records, slots, is_cut;
    uint64_t files_filled, dirs_filled;
    int32_t *wds, *file_counts, *dir_counts, *visits;
    uint8_t *changed;
    char *files, *dirs;
    ...;
};
void *ic_crawl_new(size_t size);
int ic_crawl_have(struct ic_crawl *crawl, int32_t records, int32_t slots, uint64_t room);
void ic_crawl_free(struct ic_crawl *crawl);
void ic_crawl(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
              int64_t limit_ns, int fd, const char *names, uint64_t size);
void ic_crawl_known(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
                    int64_t limit_ns, double since, int fd, const char *names, uint64_t size);
int ic_crawl_fill(struct ic_crawl *crawl, int32_t records, const int32_t *wds, const int32_t *file_counts,
                  const int32_t *dir_counts, const char *changed, int32_t slots, const int32_t *visits,
                  const char *files, uint64_t files_size, const char *dirs, uint64_t dirs_size,
                  int32_t is_cut);

/* csrc/links.c */
int64_t ic_file_system(int fd);
int ic_is_casefold(int fd);
void ic_crawl_directories(struct ic_crawl *crawl, int inotify, uint32_t mask, int32_t last_wd, int32_t most,
                          int64_t limit_ns, int fd, const char *names, uint64_t size);

/* csrc/queue.c; its fields are to be read only */
struct iq_queue {
    uint64_t at, count, bad;
    ...;
};
struct iq_raw {
    int32_t wd;
    uint32_t mask, cookie;
};
void *iq_new(size_t size);
void iq_free(struct iq_queue *queue);
long iq_feed(struct iq_queue *queue, const char *data, size_t size);
long iq_read(struct iq_queue *queue, int fd, char *buffer, size_t size);
int iq_move_to(struct iq_queue *queue, uint64_t at);
int64_t iq_raw(const struct iq_queue *queue, uint64_t at, struct iq_raw *raw, char *out, uint64_t room);
int64_t iq_bytes(const struct iq_queue *queue, uint64_t begin);
int iq_columns(const struct iq_queue *queue, uint64_t begin, uint64_t count, int32_t *wds, uint32_t *masks,
               uint32_t *cookies);

/* csrc/siphash.c */
struct sip_key {
    uint64_t first, second;
};
uint64_t sip_hash(const struct sip_key *key, const char *text, size_t length);
uint64_t sip_hash_2_4(const struct sip_key *key, const char *text, size_t length);

/* csrc/ledger.c, watches.c, verbs.c, roots.c: a node goes by its number, an int64_t; nothing else here is one */
#define IL_NONE ...
#define IL_ABSENT ...
#define IL_ROOT ...
#define IL_LINK ...
#define IL_TWINS ...
#define IL_FRESH ...
#define IL_LISTED ...
#define IL_EXACT ...
struct il_ledger {
    ...;
};
void *il_new(size_t size);
int il_begin(struct il_ledger *ledger);
void il_free(struct il_ledger *ledger);
int64_t il_create(struct il_ledger *ledger, int64_t parent, const char *name, uint32_t length, int is_dir);
int64_t il_get(const struct il_ledger *ledger, int64_t parent, const char *name, uint32_t length);
int64_t il_drop(struct il_ledger *ledger, int64_t parent, const char *name, uint32_t length);
int il_clear(struct il_ledger *ledger, int64_t directory);
int il_forget_files(struct il_ledger *ledger, int64_t directory);
int64_t il_graft(struct il_ledger *ledger, int64_t source, const char *name, uint32_t length, int64_t parent,
                 const char *new_name, uint32_t new_length);
int il_is_within(const struct il_ledger *ledger, int64_t node, int64_t ancestor);
int il_way(const struct il_ledger *ledger, int64_t node, int32_t wd, int32_t *depth, int32_t *links);
int64_t il_live(const struct il_ledger *ledger, int64_t directory);
int64_t il_list_size(const struct il_ledger *ledger, int64_t directory);
int il_list(const struct il_ledger *ledger, int64_t directory, char *names, uint64_t size, int64_t *children,
            uint64_t count);
int il_is_node(const struct il_ledger *ledger, int64_t node);
int64_t il_name(const struct il_ledger *ledger, int64_t node, char *out, uint64_t room);
int64_t il_parent(const struct il_ledger *ledger, int64_t node);
int il_has_flag(const struct il_ledger *ledger, int64_t node, int flag);
int il_set_flag(struct il_ledger *ledger, int64_t node, int flag, int is_set);
int64_t il_add_root(struct il_ledger *ledger, const char *name, uint32_t length, uint32_t asked, int plain,
                    int passes);
int il_set_root(struct il_ledger *ledger, int64_t root, const char *name, uint32_t length, uint32_t asked,
                int plain, int passes);
int il_drop_root(struct il_ledger *ledger, int64_t root);
int64_t il_prefix(const struct il_ledger *ledger, int64_t directory, char *out, uint64_t room);
int64_t il_owner(const struct il_ledger *ledger, int32_t wd);
int il_own(struct il_ledger *ledger, int32_t wd, int64_t node);
void il_disown(struct il_ledger *ledger, int32_t wd);
int32_t il_wd(const struct il_ledger *ledger, int64_t node);
int il_set_wd(struct il_ledger *ledger, int64_t node, int32_t wd);
uint32_t il_owner_count(const struct il_ledger *ledger);
uint32_t il_wds(const struct il_ledger *ledger, int32_t *wds, uint32_t most);

/* csrc/adopt.c */
int32_t il_adopt(struct il_ledger *ledger, const struct ic_crawl *crawl, int64_t *nodes, uint64_t room,
                 int32_t count);

/* csrc/agree.c */
struct il_agreed {
    int32_t agreed, differ, unvisited;
};
int il_agree(const struct il_ledger *ledger, const struct ic_crawl *crawl, int64_t *nodes, int64_t *left,
             uint64_t room, int32_t count, struct il_agreed *found);

/* csrc/stamps.c */
struct ic_stamp {
    int64_t inode, size, written_ns, changed_ns;
};
void ic_stamp_all(int fd, const char *names, uint64_t size, struct ic_stamp *stamps, uint64_t count);
int il_compare(const struct il_ledger *ledger, int64_t directory, const char *names, uint64_t size,
               const struct ic_stamp *stamps, uint64_t count, char *differs);
int il_stamp(struct il_ledger *ledger, int64_t directory, const char *names, uint64_t size,
             const struct ic_stamp *stamps, uint64_t count, const char *marks);
int il_stamps_of(const struct il_ledger *ledger, int64_t directory, const char *names, uint64_t size,
                 struct ic_stamp *stamps, uint64_t count);

/* csrc/plain.c; of its fields count may be set to 0 */
struct il_told {
    int32_t *wds;
    uint32_t *masks;
    uint8_t *kinds;
    int32_t *places;
    char *paths, *names;
    uint64_t filled, names_filled;
    int32_t count, texts, full, alike;
    ...;
};
void *il_told_new(size_t size);
int il_told_have(struct il_told *told, int32_t most, uint64_t room);
void il_told_free(struct il_told *told);
int il_told_grow(struct il_told *told);
int64_t il_apply(struct il_ledger *ledger, struct iq_queue *queue, uint64_t most, const int32_t *wds,
                 int32_t wd_count, int ends, struct il_told *told);

/* csrc/shift.c; its fields are to be read only */
struct il_shift {
    int64_t source, target;
    uint64_t next;
    int32_t wd, new_wd;
    uint32_t mask, new_mask, cookie, length, new_length;
    char names[...];
};
int il_next_shift(const struct il_ledger *ledger, const struct iq_queue *queue, struct il_shift *shift);

/* csrc/fell.c */
int32_t il_fell(const struct il_ledger *ledger, int64_t top, struct il_told *told, uint32_t of_file,
                uint32_t of_directory, int64_t *numbers, int32_t room);
int32_t il_raze(struct il_ledger *ledger, int64_t top, const int64_t *numbers, int32_t count, int32_t *wds);

/* csrc/ahead.c */
struct ic_ahead {
    ...;
};
void *ic_ahead_new(size_t size);
void ic_ahead_free(struct ic_ahead *ahead);
int ic_ahead_start(struct ic_ahead *ahead, int inotify, size_t size, int shares);
int ic_ahead_filled(struct ic_ahead *ahead);
long ic_ahead_queued(struct ic_ahead *ahead);
uint64_t ic_ahead_most_held(struct ic_ahead *ahead);
void ic_ahead_end(struct ic_ahead *ahead);
void ic_ahead_forked(struct ic_ahead *ahead);

/* csrc/lease.c */
struct ic_file {
    int64_t size;
    uint64_t device, inode;
};
int ic_unopened(const char *path, struct ic_file *file);

/* csrc/names.c */
uint64_t ic_text(const char *raw, uint64_t size, char32_t *text);
int64_t ic_raw(char32_t *text, uint64_t count);

/* csrc/owner.c */
struct ic_owner {
    int fd;
};
void *ic_owner_new(size_t size);
void ic_owner_free(struct ic_owner *owner);
int ic_have_inotify(struct ic_owner *owner);
int ic_have_epoll(struct ic_owner *owner);
int ic_have_eventfd(struct ic_owner *owner);
int ic_have_timer(struct ic_owner *owner);
int ic_have_open(struct ic_owner *owner, int directory, const char *path, int flags);
int ic_have_pipe(struct ic_owner *read_end, struct ic_owner *write_end);
int ic_let_go(struct ic_owner *owner);
void ic_close(struct ic_owner *owner);
long ic_read_kept(int64_t *kept, int fd, struct ic_ahead *ahead, char *buffer, size_t size);
long iq_read_ahead(struct iq_queue *queue, struct ic_ahead *ahead, char *buffer, size_t size);
"""

# In this order: each relies on those before it.
SOURCES = (
    "csrc/kernel.c",
    "csrc/listing.c",
    "csrc/crawl.c",
    "csrc/links.c",
    "csrc/queue.c",
    "csrc/siphash.c",
    "csrc/ledger.c",
    "csrc/entries.c",
    "csrc/watches.c",
    "csrc/verbs.c",
    "csrc/roots.c",
    "csrc/adopt.c",
    "csrc/agree.c",
    "csrc/stamps.c",
    "csrc/plain.c",
    "csrc/shift.c",
    "csrc/fell.c",
    "csrc/ahead.c",
    "csrc/owner.c",
    "csrc/lease.c",
    "csrc/names.c",
)

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
