/* Names as text, and back: UTF-8, and a byte that is no part of it is a surrogate of its own (PEP 383).

   CPython has this in C. PyPy takes a microsecond for each such byte, and to encode them a time that grows with the
   square of how many there are; and anyone who may make files may name them so. */

#include <uchar.h>

enum {
    /* What escapes a byte: U+DC80 to U+DCFF stand for 0x80 to 0xff. */
    IC_ESCAPE = 0xdc00
};

/* How many bytes a character has that begins with one; 0 if none does. *least and *most: of its second byte. They keep
   out what is too long, what is a surrogate, and what is behind the last character (RFC 3629, section 4). */
static unsigned ic_lead(unsigned char first, unsigned char *least, unsigned char *most)
{
    *least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* How many bytes the character has that begins at a place, with so many left; 0 if none does. */
static unsigned ic_character(const unsigned char *at, uint64_t left)
{
    unsigned char least, most;
    unsigned length = ic_lead(*at, &least, &most);

    if (length > left)
        return 0;
    if (length > 1 && (at[1] < least || at[1] > most))
        return 0;
    for (unsigned other = 2; other < length; other++)
        if ((at[other] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* The text of bytes; there is room for as many characters. How many there are. */
static uint64_t ic_text(const char *raw, uint64_t size, char32_t *text)
{
    /* What is left of the first byte, by the length of the character. */
    static const unsigned char kept[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *at = (const unsigned char *)raw, *end = at + size;
    uint64_t count = 0;

    while (at < end) {
        unsigned length = ic_character(at, (uint64_t)(end - at));
        char32_t character = length ? (char32_t)(*at & kept[length]) : (char32_t)(IC_ESCAPE + *at);

        for (unsigned other = 1; other < length; other++)
            character = character << 6 | (at[other] & 0x3f);
        text[count++] = character;
        at += length ? length : 1;
    }
    return count;
}

/* Write one character; how many bytes it has, 0 if it is none. */
static unsigned ic_write(char32_t character, char *out)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    if (character >= IC_ESCAPE + 0x80 && character <= IC_ESCAPE + 0xff) {
        out[0] = (char)(character - IC_ESCAPE);
        return 1;
    }
    if (character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    for (unsigned at = length; --at > 0; character >>= 6)
        out[at] = (char)(0x80 | (character & 0x3f));
    out[0] = (char)(leads[length] | character);
    return length;
}

/* Put the bytes of a text in its place: no character has more than the four that it stands in. How many there are, or
   -1 - the place of what is no character and no byte. */
static int64_t ic_raw(char32_t *text, uint64_t count)
{
    char *raw = (char *)text;
    int64_t size = 0;

    for (uint64_t at = 0; at < count; at++) {
        unsigned length = ic_write(text[at], raw + size);

        if (!length)
            return -1 - (int64_t)at;
        size += length;
    }
    return size;
}
