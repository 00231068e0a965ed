/* What Python has to close has an owner from the system call on.

   A signal handler is Python code, and may raise an exception wherever Python looks for signals: also between the
   return of a call and the assignment of what it returned. So a call that makes something puts it where it is
   closed from (an owner that Python has made before, with a destructor), and what was read is kept until Python says
   that it has handed it out. */

enum { IC_NOT_OPEN = -1 };

struct ic_owner {
    int fd;
};

/* As an allocator of cffi: the size is that of the struct. NULL if there is no memory. */
static void *ic_owner_new(size_t size)
{
    struct ic_owner *owner = calloc(1, size);

    if (owner != NULL)
        owner->fd = IC_NOT_OPEN;
    return owner;
}

/* Let an owner have what a call gave: a descriptor, or -errno. */
static int ic_have(struct ic_owner *owner, int result)
{
    owner->fd = result < 0 ? IC_NOT_OPEN : result;
    return result;
}

static int ic_have_inotify(struct ic_owner *owner)
{
    return ic_have(owner, ic_init());
}

static int ic_have_epoll(struct ic_owner *owner)
{
    return ic_have(owner, ic_epoll_create());
}

static int ic_have_eventfd(struct ic_owner *owner)
{
    return ic_have(owner, ic_eventfd());
}

static int ic_have_timer(struct ic_owner *owner)
{
    return ic_have(owner, ic_timer());
}

static int ic_have_open(struct ic_owner *owner, int directory, const char *path, int flags)
{
    return ic_have(owner, ic_result(openat(directory, path, flags)));
}

/* A pipe: non-blocking, close-on-exec. */
static int ic_have_pipe(struct ic_owner *read_end, struct ic_owner *write_end)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    read_end->fd = ends[0];
    write_end->fd = ends[1];
    return 0;
}

/* The descriptor, which has no owner any more. */
static int ic_let_go(struct ic_owner *owner)
{
    return __atomic_exchange_n(&owner->fd, IC_NOT_OPEN, __ATOMIC_SEQ_CST);
}

/* Close it, once, whoever does it: more than once, and in several threads at a time, does no harm. */
static void ic_close(struct ic_owner *owner)
{
    int fd = ic_let_go(owner);

    if (fd >= 0)
        close(fd);
}

static void ic_owner_free(struct ic_owner *owner)
{
    ic_close(owner);
    free(owner);
}

/* Read once unless something is kept from a read before; the bytes, which are kept until *kept is set to 0. */
static long ic_read_kept(int64_t *kept, int fd, struct ic_ahead *ahead, char *buffer, size_t size)
{
    long got = (long)*kept;

    if (got > 0)
        return got;
    got = ahead == NULL ? ic_read(fd, buffer, size) : ic_ahead_read(ahead, buffer, size);
    if (got > 0)
        *kept = got;
    return got;
}

/* What iq_read does, of what is read ahead. */
static long iq_read_ahead(struct iq_queue *queue, struct ic_ahead *ahead, char *buffer, size_t size)
{
    long got = ic_ahead_read(ahead, buffer, size), count;

    if (got <= 0)
        return got;
    count = iq_feed(queue, buffer, (size_t)got);
    return count < 0 ? count : got;
}
