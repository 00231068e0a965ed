/* Apply the most common events to the ledger, many at a time: of files in directories that are at one place.

   A file was created, deleted, changed or looked at, the ledger has or lacks it as the event says, and nothing
   else hangs on it. Whatever is not as simple as that ends the run, and is left to the caller. Where only directories
   are kept, a file is only told, and nothing is looked up but whether a directory has its name. */

/* An entry of which something was told lately: where it stands among the texts, and its name among the names. */
struct il_text {
    int32_t directory, place;
    uint64_t at;
    uint32_t length;
};

enum { IL_TEXTS_BITS = 6, IL_TEXTS = 1 << IL_TEXTS_BITS };

/* What is to be told, in columns. It is taken by setting count to 0. The columns are its own, and their sizes change
   with them, here only. Most often several events in a row are of one entry: so that has its texts once. */
struct il_told {
    int32_t *wds;
    uint32_t *masks;
    /* 1, or 2 for an entry of a root whose path ends with a slash. */
    uint8_t *kinds;
    /* Which one of the texts is that of an event. */
    int32_t *places;
    /* The texts, each ended by a NUL: paths, and with the same places the names in them. Both have the same room. */
    char *paths, *names;
    uint64_t filled, names_filled, room;
    int32_t count, most, texts;
    struct il_text *lately;
    /* Whether the run ended because there was no room for more. */
    int32_t full;
    /* Whether all are of kind 1. */
    int32_t alike;
};

static void *il_told_new(size_t size)
{
    return calloc(1, size);
}

static void il_told_drop(struct il_told *told)
{
    free(told->wds);
    free(told->masks);
    free(told->kinds);
    free(told->places);
    free(told->paths);
    free(told->names);
    free(told->lately);
    memset(told, 0, sizeof *told);
}

static void il_told_free(struct il_told *told)
{
    il_told_drop(told);
    free(told);
}

/* Have room, once, for so many events, and so many bytes of paths; -ENOMEM, and then it has none. */
static int il_told_have(struct il_told *told, int32_t most, uint64_t room)
{
    if (told->wds != NULL || most < 1 || room < 1)
        return -EINVAL;
    told->wds = malloc((size_t)most * sizeof *told->wds);
    told->masks = malloc((size_t)most * sizeof *told->masks);
    told->kinds = malloc((size_t)most * sizeof *told->kinds);
    told->places = malloc((size_t)most * sizeof *told->places);
    told->paths = malloc(room);
    told->names = malloc(room);
    told->lately = malloc(IL_TEXTS * sizeof *told->lately);
    if (told->wds && told->masks && told->kinds && told->places && told->paths && told->names && told->lately) {
        told->most = most;
        told->room = room;
        told->alike = 1;
        return 0;
    }
    il_told_drop(told);
    return -ENOMEM;
}

/* Have twice the room for paths; -ENOMEM, and it is as it was. */
static int il_told_grow(struct il_told *told)
{
    if (told->room > SIZE_MAX / 2 || !iq_grow(&told->paths, 2 * told->room, 1) ||
        !iq_grow(&told->names, 2 * told->room, 1))
        return -ENOMEM;
    told->room *= 2;
    return 0;
}

/* Begin anew, if all was taken; and know of no entry, for where a directory is may have changed. */
static void il_told_begin(struct il_told *told)
{
    if (told->count == 0) {
        told->filled = told->names_filled = 0;
        told->texts = 0;
        told->alike = 1;
    }
    for (int slot = 0; told->lately != NULL && slot < IL_TEXTS; slot++)
        told->lately[slot].directory = IL_NONE;
}

/* The directory that the last event was about. */
struct il_at {
    int32_t wd, node;
    uint32_t asked;
    /* Whether a name that the ledger does not have may be stored as another one. */
    uint8_t kind, passes, folds;
    /* Where its prefix was last written in the paths that are told, and how long it is; 0 if it was not. */
    uint64_t prefix_at, prefix;
};

static int il_is_one_of(int32_t wd, const int32_t *wds, int32_t count)
{
    while (count > 0)
        if (wds[--count] == wd)
            return 1;
    return 0;
}

/* What an entry of a directory is told as: 2 for one of a root whose path ends with a slash, else 1. */
static uint8_t il_kind_of(const struct il_ledger *ledger, int32_t node)
{
    const struct il_root *root;

    if (!(ledger->nodes[node].flags & IL_ROOT))
        return 1;
    root = il_root_of(ledger, node);
    return root->length > 0 && root->name[root->length - 1] == '/' ? 2 : 1;
}

/* Find the directory of an event; 0 if it is not at one place of a plain root. */
static int il_go_to(const struct il_ledger *ledger, struct il_at *at, int32_t wd)
{
    const struct il_root *root;

    at->wd = wd;
    at->prefix = 0;
    at->node = il_find_owner(ledger, wd);
    if (at->node == IL_NONE || (ledger->nodes[at->node].flags & IL_TWINS))
        return 0;
    root = il_root_of(ledger, at->node);
    at->asked = root->asked;
    at->kind = il_kind_of(ledger, at->node);
    at->passes = root->passes && !(ledger->nodes[at->node].flags & IL_FRESH);
    at->folds = root->plain > 1 && !(ledger->nodes[at->node].flags & IL_EXACT);
    return root->plain;
}

/* Whether an event is plain, for what the ledger has of that name. */
static int il_is_plain(const struct il_at *at, uint32_t mask, uint32_t length, int64_t entry, const char *names)
{
    if (entry < 0 && at->folds)
        return 0;
    if (at->passes)
        return entry < 0 && length > 0 && (mask < IN_MOVED_FROM || mask == IN_CREATE || mask == IN_DELETE);
    if (mask < IN_MOVED_FROM)
        return entry >= 0;
    if (mask == IN_CREATE)
        return entry < 0 && length > 0;
    return mask == IN_DELETE && entry >= 0 && !il_is_directory(names + entry);
}

/* Where an entry is kept, if something was told of it lately: most names differ at their end. */
static struct il_text *il_lately(const struct il_told *told, int32_t directory, const char *name,
                                 uint32_t length)
{
    uint32_t end = 0;

    if (length >= sizeof end)
        memcpy(&end, name + length - sizeof end, sizeof end);
    else if (length > 0)
        end = (unsigned char)name[length - 1];
    end ^= (uint32_t)directory * 31u ^ length * 127u;
    return told->lately + ((end * 2654435769u) >> (32 - IL_TEXTS_BITS));
}

/* Write the path of an entry and its name; 0 if there is no room. */
static int il_write_texts(const struct il_ledger *ledger, struct il_told *told, struct il_at *at, const char *name,
                          uint32_t length)
{
    uint64_t room = told->room - told->filled, prefix = at->prefix;
    char *out = told->paths + told->filled;

    if (prefix == 0)
        prefix = il_write_prefix(ledger, at->node, out, room);
    if (room < prefix || room - prefix < (uint64_t)length + 1)
        return 0;
    if (at->prefix != 0)
        memcpy(out, told->paths + at->prefix_at, prefix);
    at->prefix_at = told->filled;
    at->prefix = prefix;
    memcpy(out + prefix, name, length);
    out[prefix + length] = '\0';
    memcpy(told->names + told->names_filled, out + prefix, (size_t)length + 1);
    told->filled += prefix + length + 1;
    told->names_filled += (uint64_t)length + 1;
    told->texts++;
    return 1;
}

/* Tell an event; 0 if there is no room. */
static int il_tell(const struct il_ledger *ledger, struct il_told *told, struct il_at *at, uint32_t mask,
                   const char *name, uint32_t length)
{
    struct il_text *text;

    if (told->count >= told->most)
        return 0;
    text = il_lately(told, at->node, name, length);
    if (text->directory != at->node || text->length != length ||
        memcmp(told->names + text->at, name, length) != 0) {
        struct il_text written = {at->node, told->texts, told->names_filled, length};

        if (!il_write_texts(ledger, told, at, name, length))
            return 0;
        *text = written;
    }
    told->places[told->count] = text->place;
    told->wds[told->count] = at->wd;
    told->kinds[told->count] = at->kind;
    told->alike &= at->kind == 1;
    told->masks[told->count++] = mask;
    return 1;
}

/* Whether a directory that is watched says what the one that it is in says as well. Of a root nobody else does, and
   what a link leads to is not where the link is. */
static int il_is_said_twice(const struct il_ledger *ledger, int32_t node, uint32_t mask)
{
    mask &= ~(uint32_t)IN_ISDIR;
    return (mask == IN_DELETE_SELF || mask == IN_MOVE_SELF) && !(ledger->nodes[node].flags & (IL_ROOT | IL_LINK));
}

static int il_change(struct il_ledger *ledger, int32_t directory, uint32_t mask, int64_t entry, const char *name,
                     uint32_t length)
{
    if (mask == IN_CREATE)
        return il_add(ledger, directory, name, length, IL_NONE);
    if (mask == IN_DELETE)
        il_take(ledger, directory, (uint32_t)entry);
    return 0;
}

/* Apply plain events from the front of the queue, so many at most, and note what is to be told. wds has
   descriptors on whose events something hangs besides. If ends, the end of any other watch that no directory has is
   passed by. Returns how many it took, or -ENOMEM if that is none. */
static int64_t il_apply(struct il_ledger *ledger, struct iq_queue *queue, uint64_t most, const int32_t *wds,
                        int32_t wd_count, int ends, struct il_told *told)
{
    struct il_at at = {.wd = -1, .node = IL_NONE};
    uint64_t begin = queue->at, end = queue->count - begin < most ? queue->count : begin + most;
    int failed = 0;

    told->full = 0;
    il_told_begin(told);
    while (queue->at < end) {
        int32_t wd = queue->wds[queue->at];
        uint32_t mask = queue->masks[queue->at], length;
        const char *name = iq_name(queue, queue->at, &length);
        struct il_told before = *told;
        int64_t entry;

        if (ends && mask == IN_IGNORED && il_find_owner(ledger, wd) == IL_NONE && !il_is_one_of(wd, wds, wd_count)) {
            queue->at++;
            continue;
        }
        if (wd != at.wd || at.node == IL_NONE)
            if (il_is_one_of(wd, wds, wd_count) || !il_go_to(ledger, &at, wd))
                break;
        if (length == 0 && il_is_said_twice(ledger, at.node, mask)) {
            queue->at++;
            continue;
        }
        entry = il_find(ledger, at.node, name, length);
        if (queue->cookies[queue->at] != 0 || !il_is_plain(&at, mask, length, entry, ledger->nodes[at.node].names))
            break;
        if ((mask & at.asked) && !il_tell(ledger, told, &at, mask, name, length)) {
            told->full = 1;
            break;
        }
        failed = at.passes ? 0 : il_change(ledger, at.node, mask, entry, name, length);
        if (failed < 0) {
            *told = before;
            break;
        }
        queue->at++;
    }
    return queue->at > begin ? (int64_t)(queue->at - begin) : failed;
}
