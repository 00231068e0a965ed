/* SipHash (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a hash of names under a secret key.

   Anyone who can make files chooses names. Without the key nobody can choose ones that meet in a hash table, and a
   hash table whose names all meet is a list. SipHash-1-3 has one round for a word and three at the end; it is what
   CPython and Rust take for their tables. */

#include <endian.h>

struct sip_key {
    uint64_t first, second;
};

static inline uint64_t sip_left(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_rounds(uint64_t state[4], int rounds)
{
    uint64_t v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3];

    for (; rounds > 0; rounds--) {
        v0 += v1;
        v2 += v3;
        v1 = sip_left(v1, 13) ^ v0;
        v3 = sip_left(v3, 16) ^ v2;
        v0 = sip_left(v0, 32) + v3;
        v2 += v1;
        v3 = sip_left(v3, 21) ^ v0;
        v1 = sip_left(v1, 17) ^ v2;
        v2 = sip_left(v2, 32);
    }
    state[0] = v0;
    state[1] = v1;
    state[2] = v2;
    state[3] = v3;
}

static inline uint64_t sip_word(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static inline uint64_t sip_half(const char *at)
{
    uint32_t half;

    memcpy(&half, at, sizeof half);
    return le32toh(half);
}

static inline uint64_t sip_byte(const char *at, size_t place)
{
    return (uint64_t)(unsigned char)at[place] << 8 * place;
}

/* The bytes behind the last whole word, as the low ones of a word: two loads that overlap, or three of bytes, where a
   loop would take one for each. */
static inline uint64_t sip_rest(const char *text, size_t length)
{
    size_t rest = length % sizeof(uint64_t);

    if (rest == 0)
        return 0;
    if (length > sizeof(uint64_t))
        return sip_word(text + length - sizeof(uint64_t)) >> 8 * (sizeof(uint64_t) - rest);
    if (rest >= sizeof(uint32_t))
        return sip_half(text) | sip_half(text + rest - sizeof(uint32_t)) << 8 * (rest - sizeof(uint32_t));
    return sip_byte(text, 0) | sip_byte(text, rest / 2) | sip_byte(text, rest - 1);
}

/* With so many rounds for each word, and so many at the end: they are numbers where this is called, so that no loop
   is left of them. */
__attribute__((always_inline)) static inline uint64_t sip_hash_by(const struct sip_key *key, const char *text,
                                                                  size_t length, int rounds, int last_rounds)
{
    /* "somepseudorandomlygeneratedbytes" */
    uint64_t state[4] = {
        key->first ^ UINT64_C(0x736f6d6570736575), key->second ^ UINT64_C(0x646f72616e646f6d),
        key->first ^ UINT64_C(0x6c7967656e657261), key->second ^ UINT64_C(0x7465646279746573),
    };
    uint64_t last = (uint64_t)length << 56 | sip_rest(text, length);

    for (size_t left = length / sizeof last; left > 0; left--, text += sizeof last) {
        uint64_t word = sip_word(text);

        state[3] ^= word;
        sip_rounds(state, rounds);
        state[0] ^= word;
    }
    state[3] ^= last;
    sip_rounds(state, rounds);
    state[0] ^= last;
    state[2] ^= 0xff;
    sip_rounds(state, last_rounds);
    return state[0] ^ state[1] ^ state[2] ^ state[3];
}

/* SipHash-1-3. */
static uint64_t sip_hash(const struct sip_key *key, const char *text, size_t length)
{
    return sip_hash_by(key, text, length, 1, 3);
}

/* SipHash-2-4, of which its authors publish what it gives: by that the rest is tested. */
static uint64_t sip_hash_2_4(const struct sip_key *key, const char *text, size_t length)
{
    return sip_hash_by(key, text, length, 2, 4);
}

/* Draw a key: 0, or -errno; -EINTR if a signal came first. Early after the start of a machine it waits until the
   kernel has something that nobody knows. */
static int sip_draw(struct sip_key *key)
{
    char *at = (char *)key;

    for (size_t left = sizeof *key; left > 0;) {
        ssize_t got = getrandom(at, left, 0);

        if (got < 0)
            return -errno;
        at += got;
        left -= (size_t)got;
    }
    return 0;
}

/* The key of this process, drawn when it is first asked for; NULL if that failed, and then why, as -errno. Threads may
   ask at once: the one that is first lays its own down for all. A forked child has its parent's. */
static const struct sip_key *sip_process_key(int *failed)
{
    static _Atomic(struct sip_key *) the_key;
    struct sip_key *key = atomic_load(&the_key), *drawn;

    *failed = 0;
    if (key != NULL)
        return key;
    drawn = malloc(sizeof *drawn);
    *failed = drawn == NULL ? -ENOMEM : sip_draw(drawn);
    if (*failed == 0 && atomic_compare_exchange_strong(&the_key, &key, drawn))
        return drawn;
    free(drawn);
    return key;
}
