/*
 * inflate: a DEFLATE decoder (RFC 1951) with zlib (RFC 1950) and gzip (RFC 1952) wrappers.
 *
 * The whole input and output live in memory. The program decodes embedded samples made by zlib,
 * compares length and CRC-32 with known values, and makes sure that damaged streams are refused.
 * Not covered: streaming, preset dictionaries, several gzip members in one file.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum status {
    OK, TRUNCATED, TRAILING, NO_ROOM, BAD_HEADER, BAD_BLOCK, BAD_LENGTHS, BAD_SYMBOL, BAD_DISTANCE,
    BAD_CHECKSUM,
};
enum format { RAW, ZLIB, GZIP };

enum { MAX_BITS = 15, LITERALS = 288, DISTANCES = 32, LENGTH_CODES = 19, END_OF_BLOCK = 256 };

static uint32_t crc32(const uint8_t *data, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t c = UINT32_C(0xffffffff);
    for (size_t i = 0; i < size; i++) {
        c ^= data[i];
        c = table[c & 15] ^ c >> 4;
        c = table[c & 15] ^ c >> 4;
    }
    return ~c;
}

static uint32_t adler32(const uint8_t *data, size_t size)
{
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < size; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* ---- bits in, bytes out; the first error sticks ---- */

struct stream {
    const uint8_t *in;
    size_t in_size, in_pos;
    uint32_t bits;
    unsigned bit_count;
    uint8_t *out;
    size_t out_size, out_capacity;
    enum status status;
};

static unsigned fail(struct stream *s, enum status status)
{
    if (s->status == OK)
        s->status = status;
    return 0;
}

static size_t bytes_left(const struct stream *s)
{
    return s->in_size - s->in_pos;
}

static void refill(struct stream *s)
{
    while (s->bit_count <= 24 && bytes_left(s) > 0) {
        s->bits |= (uint32_t)s->in[s->in_pos++] << s->bit_count;
        s->bit_count += 8;
    }
}

/* n <= 16 */
static unsigned take_bits(struct stream *s, unsigned n)
{
    refill(s);
    if (s->bit_count < n)
        return fail(s, TRUNCATED);
    unsigned value = s->bits & ((UINT32_C(1) << n) - 1);
    s->bits >>= n;
    s->bit_count -= n;
    return value;
}

/* Skips to a byte boundary and hands whole bytes that were read ahead back to the input. */
static void align_to_byte(struct stream *s)
{
    s->in_pos -= s->bit_count / 8;
    s->bits = 0;
    s->bit_count = 0;
}

static const uint8_t *take_bytes(struct stream *s, size_t n)
{
    if (s->status != OK || n > bytes_left(s)) {
        fail(s, TRUNCATED);
        return NULL;
    }
    s->in_pos += n;
    return s->in + s->in_pos - n;
}

static uint32_t take_u32(struct stream *s, bool big_endian)
{
    const uint8_t *p = take_bytes(s, 4);
    uint32_t value = 0;
    for (unsigned i = 0; p != NULL && i < 4; i++)
        value |= (uint32_t)p[i] << 8 * (big_endian ? 3 - i : i);
    return value;
}

static void put_byte(struct stream *s, unsigned byte)
{
    if (s->out_size < s->out_capacity)
        s->out[s->out_size++] = (uint8_t)byte;
    else
        fail(s, NO_ROOM);
}

/* The ranges may overlap: distance 1 repeats the last byte. */
static void put_match(struct stream *s, size_t distance, size_t length)
{
    if (distance > s->out_size)
        fail(s, BAD_DISTANCE);
    else if (length > s->out_capacity - s->out_size)
        fail(s, NO_ROOM);
    for (; s->status == OK && length > 0; length--, s->out_size++)
        s->out[s->out_size] = s->out[s->out_size - distance];
}

struct huffman {
    uint16_t symbols[LITERALS];   /* in order of (length, symbol) */
    uint32_t limit[MAX_BITS + 1]; /* first code after this length, left-justified */
    int offset[MAX_BITS + 1];     /* index of symbol = offset + code */
};

static unsigned reverse_bits(unsigned value, unsigned n)
{
    unsigned out = 0;
    for (; n > 0; n--, value >>= 1)
        out = out << 1 | (value & 1);
    return out;
}

/* True if the lengths use every bit pattern once; allow_single also takes zero or one symbol. */
static bool build(struct huffman *h, const uint8_t *lengths, unsigned n, bool allow_single)
{
    const uint32_t full = UINT32_C(1) << MAX_BITS;
    unsigned index = 0;
    uint32_t used = 0;
    memset(h, 0, sizeof *h);
    for (unsigned length = 1; length <= MAX_BITS; length++) {
        h->offset[length] = (int)index - (int)(used >> (MAX_BITS - length));
        for (unsigned symbol = 0; symbol < n; symbol++) {
            if (lengths[symbol] != length)
                continue;
            used += full >> length;
            if (used > full)
                return false;
            h->symbols[index++] = (uint16_t)symbol;
        }
        h->limit[length] = used;
    }
    return used == full || (allow_single && index <= 1 && h->limit[1] == used);
}

static unsigned decode(struct stream *s, const struct huffman *h)
{
    refill(s);
    unsigned key = reverse_bits(s->bits, MAX_BITS), length = 1;
    while (length <= MAX_BITS && key >= h->limit[length])
        length++;
    if (s->bit_count < length && s->bit_count < MAX_BITS)
        return fail(s, TRUNCATED);
    if (length > MAX_BITS)
        return fail(s, BAD_SYMBOL);
    take_bits(s, length);
    return h->symbols[h->offset[length] + (int)(key >> (MAX_BITS - length))];
}

struct span { uint16_t base, extra_bits; };

static const struct span length_spans[] = {
    {3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 1}, {13, 1}, {15, 1},
    {17, 1}, {19, 2}, {23, 2}, {27, 2}, {31, 2}, {35, 3}, {43, 3}, {51, 3}, {59, 3}, {67, 4},
    {83, 4}, {99, 4}, {115, 4}, {131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0},
};

static const struct span zero_runs[] = {{3, 2}, {3, 3}, {11, 7}};

static unsigned take_span(struct stream *s, const struct span *spans, size_t n, unsigned index)
{
    if (index >= n)
        return fail(s, BAD_SYMBOL);
    return spans[index].base + take_bits(s, spans[index].extra_bits);
}

#define TAKE_SPAN(s, spans, index) take_span(s, spans, sizeof spans / sizeof *spans, index)

/* Distances double every two symbols: 1, 2, 3, 4, 5-6, 7-8, 9-12, 13-16, 17-24 ... */
static unsigned take_distance(struct stream *s, unsigned symbol)
{
    if (symbol >= 30)
        return fail(s, BAD_SYMBOL);
    if (symbol < 4)
        return symbol + 1;
    unsigned extra_bits = symbol / 2 - 1;
    return ((2 + symbol % 2) << extra_bits) + take_bits(s, extra_bits) + 1;
}

static void inflate_symbols(struct stream *s, const struct huffman *literals,
                            const struct huffman *distances)
{
    while (s->status == OK) {
        unsigned symbol = decode(s, literals);
        if (s->status != OK || symbol == END_OF_BLOCK)
            break;
        if (symbol < END_OF_BLOCK) {
            put_byte(s, symbol);
        } else {
            unsigned length = TAKE_SPAN(s, length_spans, symbol - END_OF_BLOCK - 1);
            put_match(s, take_distance(s, decode(s, distances)), length);
        }
    }
}

static void inflate_stored(struct stream *s)
{
    align_to_byte(s);
    unsigned length = take_bits(s, 16);
    unsigned complement = take_bits(s, 16);
    align_to_byte(s);
    if (s->status == OK && (length ^ complement) != 0xffff)
        fail(s, BAD_BLOCK);
    const uint8_t *bytes = take_bytes(s, length);
    for (unsigned i = 0; bytes != NULL && i < length; i++)
        put_byte(s, bytes[i]);
}

static void inflate_fixed(struct stream *s)
{
    struct huffman literals, distances;
    uint8_t lengths[LITERALS];
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    build(&literals, lengths, LITERALS, false);
    memset(lengths, 5, DISTANCES);
    build(&distances, lengths, DISTANCES, false);
    inflate_symbols(s, &literals, &distances);
}

/* Code lengths come run-length coded: 16 repeats the last one, 17 and 18 repeat zero. */
static void take_lengths(struct stream *s, const struct huffman *code, uint8_t *lengths,
                         unsigned total)
{
    unsigned at = 0;
    while (at < total && s->status == OK) {
        unsigned symbol = decode(s, code), repeat = 1;
        uint8_t value = symbol < 16 ? (uint8_t)symbol : 0;
        if (symbol == 16 && at > 0)
            value = lengths[at - 1];
        if (symbol >= 16)
            repeat = TAKE_SPAN(s, zero_runs, symbol - 16);
        if (repeat > total - at || (symbol == 16 && at == 0)) {
            fail(s, BAD_LENGTHS);
            return;
        }
        memset(lengths + at, value, repeat);
        at += repeat;
    }
}

static void inflate_dynamic(struct stream *s)
{
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    struct huffman literals, distances;
    uint8_t lengths[LITERALS + DISTANCES] = {0};
    unsigned literal_count = take_bits(s, 5) + 257;
    unsigned distance_count = take_bits(s, 5) + 1;
    unsigned order_count = take_bits(s, 4) + 4;

    for (unsigned i = 0; i < order_count; i++)
        lengths[order[i]] = (uint8_t)take_bits(s, 3);
    if (literal_count > 286 || distance_count > 30 ||
        !build(&literals, lengths, LENGTH_CODES, false))
        fail(s, BAD_LENGTHS);
    take_lengths(s, &literals, lengths, literal_count + distance_count);
    if (lengths[END_OF_BLOCK] == 0 || !build(&literals, lengths, literal_count, true) ||
        !build(&distances, lengths + literal_count, distance_count, true))
        fail(s, BAD_LENGTHS);
    inflate_symbols(s, &literals, &distances);
}

static void inflate_raw(struct stream *s)
{
    bool last = false;
    while (!last && s->status == OK) {
        last = take_bits(s, 1);
        switch (take_bits(s, 2)) {
        case 0: inflate_stored(s); break;
        case 1: inflate_fixed(s); break;
        case 2: inflate_dynamic(s); break;
        default: fail(s, BAD_BLOCK);
        }
    }
    align_to_byte(s);
}

static void unwrap_zlib(struct stream *s)
{
    const uint8_t *h = take_bytes(s, 2);
    if (h == NULL)
        return;
    bool preset_dictionary = (h[1] & 0x20) != 0;
    if ((h[0] & 15) != 8 || h[0] >> 4 > 7 || (h[0] << 8 | h[1]) % 31 != 0 || preset_dictionary)
        fail(s, BAD_HEADER);
    inflate_raw(s);
    if (take_u32(s, true) != adler32(s->out, s->out_size))
        fail(s, BAD_CHECKSUM);
}

/* Takes a file name; other optional fields are not supported. */
static void unwrap_gzip(struct stream *s)
{
    enum { NAME = 8 };
    const uint8_t *h = take_bytes(s, 10), *p;
    if (h == NULL)
        return;
    if (h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || (h[3] & ~NAME) != 0)
        fail(s, BAD_HEADER);
    while (h[3] & NAME && (p = take_bytes(s, 1)) != NULL && *p != 0)
        continue;
    inflate_raw(s);
    uint32_t crc = take_u32(s, false);
    if (take_u32(s, false) != s->out_size || crc != crc32(s->out, s->out_size))
        fail(s, BAD_CHECKSUM);
}

static struct stream unpack(enum format format, const uint8_t *in, size_t size, uint8_t *out,
                            size_t capacity)
{
    struct stream s = {in, size, 0, 0, 0, out, 0, capacity, OK};
    if (format == ZLIB)
        unwrap_zlib(&s);
    else if (format == GZIP)
        unwrap_gzip(&s);
    else
        inflate_raw(&s);
    if (bytes_left(&s) > 0)
        fail(&s, TRAILING);
    return s;
}

/* ---- samples: made with zlib, or bit by bit where zlib would never write such a stream ---- */

static const uint8_t raw_spans[] = {
    43, 46, 72, 204, 43, 86, 4, 146, 16, 26, 1, 80, 0, 22, 37, 48, 30, 136, 1, 54, 4, 106, 6, 220,
    0, 36, 211, 208, 109, 192, 68, 184, 228, 241, 57, 130, 128, 5, 196, 121, 140, 52, 138, 204, 64,
    161, 140, 69, 181, 136, 161, 37, 160, 119, 170, 24, 32, 145, 193, 154, 39, 134, 64, 110, 29,
    174, 5, 193, 200, 212, 57, 90, 61, 0, 0,
};

static const uint8_t zlib_dynamic[] = {
    120, 218, 85, 206, 49, 14, 128, 48, 12, 67, 209, 221, 167, 232, 17, 234, 54, 13, 228, 56, 72,
    48, 48, 66, 197, 253, 233, 24, 143, 95, 178, 146, 87, 203, 124, 190, 227, 189, 206, 114, 207,
    82, 193, 156, 68, 203, 105, 232, 57, 3, 38, 99, 199, 200, 221, 6, 60, 119, 119, 108, 114, 45,
    176, 231, 118, 67, 228, 222, 9, 86, 121, 80, 23, 79, 125, 109, 109, 132, 72, 51, 176, 43, 43,
    64, 133, 134, 131, 74, 93, 214, 31, 162, 79, 78, 239,
};

static const uint8_t raw_long_codes[] = {
    5, 193, 1, 1, 0, 32, 12, 195, 48, 173, 192, 191, 181, 254, 13, 144, 136, 173, 141, 47, 116, 101,
    212, 5, 220, 164, 2, 166, 56, 181, 180, 8, 70, 125, 176, 35, 71, 52, 168, 173, 120, 93, 85, 162,
    253,
};

static const uint8_t gzip_named[] = {
    31, 139, 8, 8, 0, 0, 0, 0, 2, 255, 102, 111, 120, 46, 116, 120, 116, 0, 43, 201, 72, 85, 40, 44,
    205, 76, 206, 86, 72, 42, 202, 47, 207, 83, 72, 203, 175, 208, 81, 40, 193, 20, 4, 0, 189, 96,
    57, 18, 40, 0, 0, 0,
};

struct sample {
    const char *name;
    enum format format;
    enum status status;
    size_t out_size; /* length and CRC-32 of what an intact sample holds */
    uint32_t crc;
    size_t size;
    const uint8_t *data;
};

#define ARRAY(data) sizeof data, data
#define BYTES(...) sizeof((uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__}

static const struct sample samples[] = {
    {"zlib_fixed", ZLIB, OK, 20, 0xfed2bba7,
     BYTES(120, 1, 203, 72, 205, 201, 201, 215, 81, 200, 64, 162, 20, 1, 75, 30, 6, 246)},
    {"raw_spans", RAW, OK, 1850, 0xea6a75bb, ARRAY(raw_spans)},
    {"zlib_dynamic", ZLIB, OK, 264, 0x42d741fc, ARRAY(zlib_dynamic)},
    {"raw_long_codes", RAW, OK, 88, 0xa089d861, ARRAY(raw_long_codes)},
    {"gzip_named", GZIP, OK, 40, 0x123960bd, ARRAY(gzip_named)},
    {"raw_blocks", RAW, OK, 40, 0xcb365f06,
     BYTES(202, 72, 205, 201, 201, 215, 81, 200, 64, 162, 20, 1, 0, 0, 0, 255, 255, 203, 72, 205,
           201, 201, 215, 81, 200, 64, 162, 20, 1)},
    {"zlib_stored", ZLIB, OK, 6, 0x5643f90b,
     BYTES(120, 1, 1, 6, 0, 249, 255, 115, 116, 111, 114, 101, 100, 9, 60, 2, 146)},
    {"block type 3", RAW, BAD_BLOCK, 0, 0, BYTES(7)},
    {"stored complement", RAW, BAD_BLOCK, 0, 0, BYTES(1, 1, 0, 255, 255, 65)},
    {"distance before start", RAW, BAD_DISTANCE, 0, 0, BYTES(115, 4, 66, 0)},
    {"length symbol 286", RAW, BAD_SYMBOL, 0, 0, BYTES(27, 3, 0, 0)},
    {"distance symbol 30", RAW, BAD_SYMBOL, 0, 0, BYTES(115, 4, 62, 0)},
    {"too many literals", RAW, BAD_LENGTHS, 0, 0, BYTES(245, 0, 128, 4, 0, 0, 0, 0, 0)},
    {"oversubscribed lengths", RAW, BAD_LENGTHS, 0, 0, BYTES(5, 0, 146, 0, 0, 0)},
    {"incomplete lengths", RAW, BAD_LENGTHS, 0, 0, BYTES(5, 32, 0, 72, 0, 0)},
    {"repeat of nothing", RAW, BAD_LENGTHS, 0, 0, BYTES(5, 0, 2, 36, 0, 0)},
    {"repeat past the end", RAW, BAD_LENGTHS, 0, 0, BYTES(5, 0, 128, 228, 255, 31, 0)},
    {"no end of block", RAW, BAD_LENGTHS, 0, 0,
     BYTES(5, 192, 129, 0, 0, 0, 0, 0, 16, 254, 175, 1, 0, 0)},
    {"match without distances", RAW, BAD_SYMBOL, 0, 0,
     BYTES(13, 192, 33, 9, 0, 0, 0, 0, 160, 255, 175, 149, 0, 0)},
    {"zlib method", ZLIB, BAD_HEADER, 0, 0, BYTES(119, 133, 3, 0, 0, 0, 0, 1)},
    {"zlib header check", ZLIB, BAD_HEADER, 0, 0, BYTES(120, 0, 3, 0, 0, 0, 0, 1)},
    {"zlib dictionary", ZLIB, BAD_HEADER, 0, 0, BYTES(120, 187, 3, 0, 0, 0, 0, 1)},
    {"zlib checksum", ZLIB, BAD_CHECKSUM, 0, 0, BYTES(120, 218, 3, 0, 0, 0, 0, 2)},
    {"zlib trailing byte", ZLIB, TRAILING, 0, 0, BYTES(120, 218, 3, 0, 0, 0, 0, 1, 0)},
    {"gzip magic", GZIP, BAD_HEADER, 0, 0, BYTES(31, 140, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0)},
    {"gzip crc", GZIP, BAD_CHECKSUM, 0, 0,
     BYTES(31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0)},
};

static unsigned checks, failures;
static uint8_t buffer[8192];

static void check(bool ok, const char *what, const char *name)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("inflate: FAILED %s %s\n", what, name);
}

static uint32_t check_samples(void)
{
    uint32_t all = 0;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *s = &samples[i];
        struct stream r = unpack(s->format, s->data, s->size, buffer, sizeof buffer);
        check(r.status == s->status, "status of", s->name);
        uint32_t crc = s->status == OK ? crc32(buffer, r.out_size) : 0;
        if (s->status == OK)
            check(r.out_size == s->out_size && crc == s->crc, "contents of", s->name);
        all = (all << 1 | all >> 31) ^ crc;
    }
    return all;
}

/* Every cut is noticed; so is every flipped bit but for the padding before the Adler-32. */
static void check_damage(void)
{
    uint8_t copy[sizeof zlib_dynamic];
    size_t refused = 0, accepted = 0;

    memcpy(copy, zlib_dynamic, sizeof copy);
    for (size_t n = 0; n < sizeof copy; n++)
        refused += unpack(ZLIB, copy, n, buffer, sizeof buffer).status == TRUNCATED;
    check(refused == sizeof copy, "prefixes of", "zlib_dynamic");
    for (size_t bit = 0; bit < sizeof copy * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        accepted += unpack(ZLIB, copy, sizeof copy, buffer, sizeof buffer).status == OK;
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    check(accepted == 3, "bit flips of", "zlib_dynamic");
}

int main(void)
{
    check(crc32((const uint8_t *)"123456789", 9) == UINT32_C(0xcbf43926), "CRC-32 of", "digits");
    check(adler32((const uint8_t *)"Wikipedia", 9) == UINT32_C(0x11e60398), "Adler-32 of", "word");
    uint32_t all = check_samples();
    check_damage();
    const struct sample *hello = &samples[0];
    check(unpack(ZLIB, hello->data, hello->size, buffer, 19).status == NO_ROOM, "19", "bytes");
    check(unpack(ZLIB, hello->data, hello->size, buffer, 20).status == OK, "20", "bytes");
    check(memcmp(buffer, "hello, hello, hello!", 20) == 0, "text of", hello->name);
    if (failures > 0)
        return 1;
    printf("inflate: %u checks, crc %08" PRIx32 "\n", checks, all);
    return 0;
}
