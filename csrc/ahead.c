/* Read ahead: a thread that empties the queue of an inotify instance into memory while its consumer is busy.

   The kernel's queue has room for so many events (max_queued_events), this memory for so many bytes. When it is
   full nothing is read until the consumer has taken something. So nothing is ever dropped here: what does not fit
   waits in the kernel's queue, and if that runs over, its Q_OVERFLOW stands where the events are missing.

   The memory is a ring that holds whole records: what was read last may not fit in front of its end, then the ring
   ends earlier for one round. Who takes from it and finds nothing reads the kernel's queue directly.

   Three locks, taken in this order:
     turn     who waits for it is the next one to read: without it the thread, which unlocks the next one and locks it
              again at once, would keep the consumer out
     reading  held by the one who reads from the kernel, so that no record is in between: what is in memory, then what
              is in the kernel's queue, is all there is, in order
     ring     all other fields; held for no longer than it takes to copy

   The thread waits by an epoll that is exclusive, as the consumer's may be (Poller.add_shared): an event wakes one of
   the two, and if the consumer's was added first, the thread only if the consumer does not wait. Most often it comes
   back at once, so then the thread leaves it a moment: to be woken for each event costs more than to read it. No one
   waits for the thread meanwhile, and what the kernel's queue has room for takes longer to come. */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Linux 4.5; glibc 2.24. */
#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif

enum {
    AHEAD_RECORD = sizeof(struct inotify_event) + 256,
    /* The consumer may have to wait for one read of the thread: some hundred events. */
    AHEAD_READ = 16384,
    AHEAD_MOMENT_MS = 1,
    AHEAD_STACK = 262144
};

struct ic_ahead {
    /* Set before the thread starts, changed after it ended. */
    int inotify, epoll;
    /* An eventfd that is readable while memory holds something, and one that makes the thread look. */
    int filled, control;
    /* shares: the consumer waits for the inotify descriptor as well; has_more: the last read was a large one. */
    int shares, has_more;
    /* Where the thread is; -1 if there is none. */
    pid_t pid;
    pthread_t thread;
    pthread_mutex_t turn, reading, ring;
    /* wants_room: the thread waits for it; failed: the errno that ended it. */
    int wants_room, failed, ended;
    char *memory;
    /* Held are the bytes from head to tail; if tail is not behind head, from head to end and from 0 to tail. */
    size_t size, head, tail, end, held, most_held;
};

static void ic_ahead_ring(int eventfd)
{
    uint64_t one = 1;
    ssize_t written = write(eventfd, &one, sizeof one);

    /* It fails only if the counter is full, and then it is readable. */
    (void)written;
}

static void ic_ahead_quieten(int eventfd)
{
    uint64_t count;
    ssize_t got = read(eventfd, &count, sizeof count);

    (void)got;
}

static void ic_ahead_begin_reading(struct ic_ahead *ahead)
{
    pthread_mutex_lock(&ahead->turn);
    pthread_mutex_lock(&ahead->reading);
    pthread_mutex_unlock(&ahead->turn);
}

/* How much may be read to the tail, if it is enough for any record; else 0. */
static size_t ic_ahead_room(struct ic_ahead *ahead)
{
    size_t room;

    if (!ahead->held) {
        /* From the beginning, so that a little uses little memory. */
        ahead->head = ahead->tail = 0;
        room = ahead->size;
    } else if (ahead->tail <= ahead->head) {
        room = ahead->head - ahead->tail;
    } else {
        room = ahead->size - ahead->tail;
        if (room < AHEAD_RECORD && ahead->head >= AHEAD_RECORD) {
            ahead->end = ahead->tail;
            ahead->tail = 0;
            room = ahead->head;
        }
    }
    return room < AHEAD_RECORD ? 0 : room;
}

/* What a read to the tail gave: a number of bytes, or -errno. */
static void ic_ahead_put(struct ic_ahead *ahead, long got)
{
    int was_silent = !ahead->held && !ahead->failed;

    if (got > 0) {
        ahead->tail += got;
        ahead->held += got;
        if (ahead->most_held < ahead->held)
            ahead->most_held = ahead->held;
    } else if (got != -EAGAIN && got != -EINTR) {
        ahead->failed = got ? -got : EIO;
    } else {
        return;
    }
    if (was_silent)
        ic_ahead_ring(ahead->filled);
}

/* Read once, if there is room. */
static void ic_ahead_fill(struct ic_ahead *ahead)
{
    size_t room, tail;

    ic_ahead_begin_reading(ahead);
    pthread_mutex_lock(&ahead->ring);
    room = ahead->failed ? 0 : ic_ahead_room(ahead);
    tail = ahead->tail;
    ahead->wants_room = !room;
    pthread_mutex_unlock(&ahead->ring);
    if (room) {
        /* The consumer only takes from the head, so this part is nobody else's. */
        long got = ic_read(ahead->inotify, ahead->memory + tail, room < AHEAD_READ ? room : AHEAD_READ);

        ahead->has_more = got > AHEAD_READ / 2;
        pthread_mutex_lock(&ahead->ring);
        ic_ahead_put(ahead, got);
        pthread_mutex_unlock(&ahead->ring);
    }
    pthread_mutex_unlock(&ahead->reading);
}

/* Block until there is something to do; 0 at the end. */
static int ic_ahead_wait(struct ic_ahead *ahead)
{
    struct pollfd control = {.fd = ahead->control, .events = POLLIN};
    struct epoll_event ready[2];
    int ended, reads, count;

    pthread_mutex_lock(&ahead->ring);
    reads = !ahead->wants_room && !ahead->failed;
    pthread_mutex_unlock(&ahead->ring);
    /* A signal that stops the whole process ends either with EINTR; then there was just nothing to do. */
    count = reads ? epoll_wait(ahead->epoll, ready, 2, -1) : poll(&control, 1, -1);
    while (reads && count-- > 0)
        control.revents |= ready[count].data.fd == ahead->control;
    if (ahead->shares && reads && !ahead->has_more && !control.revents)
        poll(&control, 1, AHEAD_MOMENT_MS);
    if (control.revents)
        ic_ahead_quieten(ahead->control);
    pthread_mutex_lock(&ahead->ring);
    ended = ahead->ended;
    pthread_mutex_unlock(&ahead->ring);
    return !ended;
}

static void *ic_ahead_run(void *argument)
{
    struct ic_ahead *ahead = argument;

    while (ic_ahead_wait(ahead))
        ic_ahead_fill(ahead);
    return NULL;
}

/* How many of the first bytes, at most so many, are whole records; there are more records than that. */
static size_t ic_ahead_whole(const char *records, size_t most)
{
    struct inotify_event record;
    size_t at = 0, next;

    for (;;) {
        memcpy(&record, records + at, sizeof record);
        next = at + sizeof record + record.len;
        if (next > most)
            return at;
        at = next;
    }
}

/* Copy whole records from the head, of at most so many bytes, and forget them here. */
static long ic_ahead_take(struct ic_ahead *ahead, char *buffer, size_t size)
{
    int is_around = ahead->tail <= ahead->head;
    size_t left, taken;

    if (!ahead->held)
        return 0;
    left = (is_around ? ahead->end : ahead->tail) - ahead->head;
    taken = left > size ? ic_ahead_whole(ahead->memory + ahead->head, size) : left;
    memcpy(buffer, ahead->memory + ahead->head, taken);
    ahead->head = is_around && taken == left ? 0 : ahead->head + taken;
    ahead->held -= taken;
    if (!ahead->held && !ahead->failed)
        ic_ahead_quieten(ahead->filled);
    if (ahead->wants_room) {
        ahead->wants_room = 0;
        ic_ahead_ring(ahead->control);
    }
    return taken;
}

/* Read whole records, from memory if it holds some, else from the kernel; the size is one for any record. */
static long ic_ahead_read(struct ic_ahead *ahead, char *buffer, size_t size)
{
    long got;

    pthread_mutex_lock(&ahead->ring);
    got = ic_ahead_take(ahead, buffer, size);
    pthread_mutex_unlock(&ahead->ring);
    if (got)
        return got;
    ic_ahead_begin_reading(ahead);
    pthread_mutex_lock(&ahead->ring);
    got = ic_ahead_take(ahead, buffer, size);
    if (!got)
        got = -ahead->failed;
    pthread_mutex_unlock(&ahead->ring);
    if (!got)
        got = ic_read(ahead->inotify, buffer, size);
    pthread_mutex_unlock(&ahead->reading);
    return got;
}

/* The bytes in memory and in the kernel's queue together. */
static long ic_ahead_queued(struct ic_ahead *ahead)
{
    long queued;

    ic_ahead_begin_reading(ahead);
    queued = ic_queued(ahead->inotify);
    pthread_mutex_lock(&ahead->ring);
    if (queued >= 0)
        queued += ahead->held;
    pthread_mutex_unlock(&ahead->ring);
    pthread_mutex_unlock(&ahead->reading);
    return queued;
}

/* The most bytes that memory held so far. */
static uint64_t ic_ahead_most_held(struct ic_ahead *ahead)
{
    uint64_t most;

    pthread_mutex_lock(&ahead->ring);
    most = ahead->most_held;
    pthread_mutex_unlock(&ahead->ring);
    return most;
}

/* The descriptor to wait for. */
static int ic_ahead_filled(struct ic_ahead *ahead)
{
    return ahead->filled;
}

static void ic_ahead_release(struct ic_ahead *ahead)
{
    int *fds[] = {&ahead->epoll, &ahead->control, &ahead->filled};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    if (ahead->memory != MAP_FAILED)
        munmap(ahead->memory, ahead->size);
    ahead->memory = MAP_FAILED;
    ahead->inotify = -1;
    ahead->held = 0;
}

/* In a forked child: the thread is not here, and who held the locks is not either. */
static void ic_ahead_forked(struct ic_ahead *ahead)
{
    ahead->pid = -1;
    ic_ahead_release(ahead);
}

/* End the thread and free all but the struct itself: then a read gives -EBADF. More than once does no harm. */
static void ic_ahead_end(struct ic_ahead *ahead)
{
    int has_ended;

    if (ahead->pid != getpid()) {
        ic_ahead_forked(ahead);
        return;
    }
    pthread_mutex_lock(&ahead->ring);
    has_ended = ahead->ended;
    ahead->ended = 1;
    pthread_mutex_unlock(&ahead->ring);
    if (has_ended)
        return;
    ic_ahead_ring(ahead->control);
    pthread_join(ahead->thread, NULL);
    ic_ahead_begin_reading(ahead);
    pthread_mutex_lock(&ahead->ring);
    ic_ahead_release(ahead);
    pthread_mutex_unlock(&ahead->ring);
    pthread_mutex_unlock(&ahead->reading);
}

static void ic_ahead_free(struct ic_ahead *ahead)
{
    ic_ahead_end(ahead);
    free(ahead);
}

/* The thread has all signals blocked: they are for those in which Python runs. */
static int ic_ahead_start_thread(struct ic_ahead *ahead)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, AHEAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&ahead->thread, &attributes, ic_ahead_run, ahead);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

static int ic_ahead_open(struct ic_ahead *ahead, int inotify, size_t size)
{
    int failed;

    ahead->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ahead->memory == MAP_FAILED)
        return -errno;
    ahead->size = size;
    ahead->inotify = inotify;
    if ((ahead->filled = ic_eventfd()) < 0)
        return ahead->filled;
    if ((ahead->control = ic_eventfd()) < 0)
        return ahead->control;
    if ((ahead->epoll = ic_epoll_create()) < 0)
        return ahead->epoll;
    if ((failed = ic_epoll_add(ahead->epoll, ahead->control, EPOLLIN)) < 0)
        return failed;
    return ic_epoll_add(ahead->epoll, inotify, EPOLLIN | EPOLLEXCLUSIVE);
}

static void *ic_ahead_new(size_t size)
{
    struct ic_ahead *ahead = calloc(1, size);

    if (ahead == NULL)
        return NULL;
    ahead->inotify = ahead->epoll = ahead->filled = ahead->control = -1;
    ahead->memory = MAP_FAILED;
    ahead->pid = -1;
    pthread_mutex_init(&ahead->turn, NULL);
    pthread_mutex_init(&ahead->reading, NULL);
    pthread_mutex_init(&ahead->ring, NULL);
    return ahead;
}

/* Begin, once, to read an inotify instance ahead, into so many bytes; 0 or -errno, and then it has not begun.

   shares: who reads waits for the inotify descriptor, too, and did so before this was called. */
static int ic_ahead_start(struct ic_ahead *ahead, int inotify, size_t size, int shares)
{
    int failed;

    if (ahead->pid != -1 || ahead->ended)
        return -EINVAL;
    ahead->shares = shares;
    failed = ic_ahead_open(ahead, inotify, size);
    if (!failed)
        failed = -ic_ahead_start_thread(ahead);
    if (failed)
        ic_ahead_release(ahead);
    else
        ahead->pid = getpid();
    return failed;
}
