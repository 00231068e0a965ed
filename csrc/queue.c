/* The raw events that were read and are not yet applied, in columns: those from at on. */

struct iq_queue {
    int32_t *wds;
    uint32_t *masks, *cookies;
    /* Where each name ends in names; it begins where the one before it ends. */
    uint64_t *ends;
    char *names;
    uint64_t at, count, room, names_filled, names_room;
    /* Of data that was not whole records: where it went wrong. */
    uint64_t bad;
};

/* As an allocator of cffi, as are those of the other structs: the size is that of the struct. NULL if there is no
   memory. */
static void *iq_new(size_t size)
{
    return calloc(1, size);
}

static void iq_free(struct iq_queue *queue)
{
    if (queue == NULL)
        return;
    free(queue->wds);
    free(queue->masks);
    free(queue->cookies);
    free(queue->ends);
    free(queue->names);
    free(queue);
}

/* Let *array hold so many elements; 0 if there is no memory, and then it is as it was. */
static int iq_grow(void *array, size_t count, size_t size)
{
    void *old, *grown;

    memcpy(&old, array, sizeof old);
    grown = realloc(old, count * size);
    if (grown == NULL)
        return 0;
    memcpy(array, &grown, sizeof grown);
    return 1;
}

/* Make room for what so many bytes of records can hold at most. */
static int iq_reserve(struct iq_queue *queue, size_t size)
{
    uint64_t room = queue->count + size / sizeof(struct inotify_event), names_room = queue->names_filled + size;

    if (room > queue->room) {
        room += room / 2;
        if (!iq_grow(&queue->wds, room, sizeof *queue->wds) || !iq_grow(&queue->masks, room, sizeof *queue->masks) ||
            !iq_grow(&queue->cookies, room, sizeof *queue->cookies) ||
            !iq_grow(&queue->ends, room, sizeof *queue->ends))
            return -ENOMEM;
        queue->room = room;
    }
    if (names_room > queue->names_room) {
        names_room += names_room / 2;
        if (!iq_grow(&queue->names, names_room, 1))
            return -ENOMEM;
        queue->names_room = names_room;
    }
    return 0;
}

/* Add the records that read(2) returned behind what waits; their number. -EINVAL, and nothing added, if they are
   not whole; -ENOMEM. */
static long iq_feed(struct iq_queue *queue, const char *data, size_t size)
{
    struct inotify_event record;
    uint64_t count, filled;
    size_t at = 0;

    if (queue->at == queue->count)
        queue->at = queue->count = queue->names_filled = 0;
    if (iq_reserve(queue, size) < 0)
        return -ENOMEM;
    count = queue->count;
    filled = queue->names_filled;
    while (at < size) {
        size_t length;

        if (size - at < sizeof record)
            break;
        memcpy(&record, data + at, sizeof record);
        if (size - at - sizeof record < record.len)
            break;
        length = strnlen(data + at + sizeof record, record.len);
        memcpy(queue->names + filled, data + at + sizeof record, length);
        filled += length;
        queue->wds[count] = record.wd;
        queue->masks[count] = record.mask;
        queue->cookies[count] = record.cookie;
        queue->ends[count++] = filled;
        at += sizeof record + record.len;
    }
    if (at < size) {
        queue->bad = at;
        return -EINVAL;
    }
    at = count - queue->count;
    queue->count = count;
    queue->names_filled = filled;
    return (long)at;
}

/* Read once and add what came; the bytes, or -errno. The buffer holds the longest record. */
static long iq_read(struct iq_queue *queue, int fd, char *buffer, size_t size)
{
    long got = ic_read(fd, buffer, size), count;

    if (got <= 0)
        return got;
    count = iq_feed(queue, buffer, (size_t)got);
    return count < 0 ? count : got;
}

static const char *iq_name(const struct iq_queue *queue, uint64_t at, uint32_t *length)
{
    uint64_t begin = at > 0 ? queue->ends[at - 1] : 0;

    *length = (uint32_t)(queue->ends[at] - begin);
    return queue->names + begin;
}

/* Let the next one be that at a place; -EINVAL, and nothing is changed, if it is behind the last one. */
static int iq_move_to(struct iq_queue *queue, uint64_t at)
{
    if (at > queue->count)
        return -EINVAL;
    queue->at = at;
    return 0;
}

/* What a record has besides its name. */
struct iq_raw {
    int32_t wd;
    uint32_t mask, cookie;
};

/* Copy the record at a place, and its name if there is so much room; how long that is, or -EINVAL if there is none. */
static int64_t iq_raw(const struct iq_queue *queue, uint64_t at, struct iq_raw *raw, char *out, uint64_t room)
{
    const char *name;
    uint32_t length;

    if (at >= queue->count)
        return -EINVAL;
    *raw = (struct iq_raw){.wd = queue->wds[at], .mask = queue->masks[at], .cookie = queue->cookies[at]};
    name = iq_name(queue, at, &length);
    if (length <= room)
        memcpy(out, name, length);
    return length;
}

/* The bytes that the records from a place on had in the kernel's queue, where a name is padded with at least one NUL
   (fs/notify/inotify/inotify_user.c round_event_name_len); -EINVAL if there is no such place. */
static int64_t iq_bytes(const struct iq_queue *queue, uint64_t begin)
{
    const uint64_t header = sizeof(struct inotify_event);
    uint64_t bytes = 0;

    if (begin > queue->count)
        return -EINVAL;
    for (uint64_t at = begin; at < queue->count; at++) {
        uint64_t length = queue->ends[at] - (at > 0 ? queue->ends[at - 1] : 0);

        bytes += header + (length > 0 ? (length / header + 1) * header : 0);
    }
    return (int64_t)bytes;
}

/* Copy columns of so many records from a place on; -EINVAL, and nothing is copied, if there are not so many. */
static int iq_columns(const struct iq_queue *queue, uint64_t begin, uint64_t count, int32_t *wds, uint32_t *masks,
                      uint32_t *cookies)
{
    if (begin > queue->count || count > queue->count - begin)
        return -EINVAL;
    if (count == 0)
        return 0;
    memcpy(wds, queue->wds + begin, count * sizeof *wds);
    memcpy(masks, queue->masks + begin, count * sizeof *masks);
    memcpy(cookies, queue->cookies + begin, count * sizeof *cookies);
    return 0;
}
