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
    int32_t *visits;
    char *files, *dirs;
};
void ic_crawl(struct ic_crawl *crawl, int fd, const char *names, int count);
int ic_set_next_wd(int inotify, int wd);
int ic_epoll_create(void);
int ic_epoll_add(int epoll, int fd, uint32_t events);
int ic_epoll_wait(int epoll, int *ready, int timeout_ms);
int ic_eventfd(void);

/* csrc/ahead.c: the same */
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

# One module, in this order.
SOURCES = ["csrc/kernel.c", "csrc/ahead.c"]

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
