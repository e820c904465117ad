/*
 * sha256: SHA-256 (FIPS 180-4), HMAC (RFC 2104), PBKDF2 (RFC 8018), base64 (RFC 4648) and hex.
 *
 * Everything is checked against published test vectors or values from an independent
 * implementation. The comparison of digests takes the same time wherever they differ.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_SIZE = 64, DIGEST_SIZE = 32, ROUNDS = 64 };

/* ---- SHA-256 ---- */

struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes taken so far */
    uint8_t block[BLOCK_SIZE];
};

static const uint32_t round_keys[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate_right(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t x)
{
    for (int i = 3; i >= 0; i--, x >>= 8)
        p[i] = (uint8_t)x;
}

static uint32_t big_sigma0(uint32_t x)
{
    return rotate_right(x, 2) ^ rotate_right(x, 13) ^ rotate_right(x, 22);
}

static uint32_t big_sigma1(uint32_t x)
{
    return rotate_right(x, 6) ^ rotate_right(x, 11) ^ rotate_right(x, 25);
}

static uint32_t small_sigma0(uint32_t x)
{
    return rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
}

static uint32_t small_sigma1(uint32_t x)
{
    return rotate_right(x, 17) ^ rotate_right(x, 19) ^ x >> 10;
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return z ^ (x & (y ^ z));
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | (z & (x | y));
}

/* The message schedule is kept as a ring of the last 16 words. */
static uint32_t schedule(uint32_t w[16], unsigned i)
{
    uint32_t *word = &w[i & 15];
    if (i >= 16)
        *word += small_sigma1(w[(i + 14) & 15]) + w[(i + 9) & 15] + small_sigma0(w[(i + 1) & 15]);
    return *word;
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[16], v[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = load_be32(block + 4 * i);
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t t1 = v[7] + big_sigma1(v[4]) + choose(v[4], v[5], v[6]) + round_keys[i];
        t1 += schedule(w, i);
        uint32_t t2 = big_sigma0(v[0]) + majority(v[0], v[1], v[2]);
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

static void sha256_init(struct sha256 *s)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->state, initial, sizeof initial);
    s->length = 0;
}

static void sha256_update(struct sha256 *s, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size > 0) {
        size_t used = s->length % BLOCK_SIZE, take = BLOCK_SIZE - used;
        if (take > size)
            take = size;
        memcpy(s->block + used, p, take);
        if (used + take == BLOCK_SIZE)
            compress(s->state, s->block);
        s->length += take;
        p += take;
        size -= take;
    }
}

static void sha256_final(struct sha256 *s, uint8_t digest[DIGEST_SIZE])
{
    static const uint8_t padding[BLOCK_SIZE] = {0x80};
    uint64_t bits = s->length * 8;
    size_t used = s->length % BLOCK_SIZE;
    uint8_t tail[8];

    store_be32(tail, (uint32_t)(bits >> 32));
    store_be32(tail + 4, (uint32_t)bits);
    sha256_update(s, padding, (used < 56 ? 56 : 56 + BLOCK_SIZE) - used);
    sha256_update(s, tail, sizeof tail);
    for (unsigned i = 0; i < 8; i++)
        store_be32(digest + 4 * i, s->state[i]);
}

static void sha256(const void *data, size_t size, uint8_t digest[DIGEST_SIZE])
{
    struct sha256 s;
    sha256_init(&s);
    sha256_update(&s, data, size);
    sha256_final(&s, digest);
}

/* ---- HMAC and PBKDF2 ---- */

/* Both hashes have taken their padded key; a copy of this starts each message. */
struct hmac {
    struct sha256 inner, outer;
};

static void hmac_init(struct hmac *h, const void *key, size_t size)
{
    uint8_t pad[BLOCK_SIZE] = {0};

    if (size > BLOCK_SIZE)
        sha256(key, size, pad);
    else
        memcpy(pad, key, size);
    for (unsigned i = 0; i < BLOCK_SIZE; i++)
        pad[i] ^= 0x36;
    sha256_init(&h->inner);
    sha256_update(&h->inner, pad, sizeof pad);
    for (unsigned i = 0; i < BLOCK_SIZE; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256_init(&h->outer);
    sha256_update(&h->outer, pad, sizeof pad);
}

static void hmac_final(struct hmac *h, uint8_t mac[DIGEST_SIZE])
{
    sha256_final(&h->inner, mac);
    sha256_update(&h->outer, mac, DIGEST_SIZE);
    sha256_final(&h->outer, mac);
}

static void hmac(const struct hmac *keyed, const void *data, size_t size, uint8_t *mac)
{
    struct hmac h = *keyed;
    sha256_update(&h.inner, data, size);
    hmac_final(&h, mac);
}

static void pbkdf2_block(const struct hmac *keyed, const void *salt, size_t salt_size,
                         uint32_t index, unsigned iterations, uint8_t sum[DIGEST_SIZE])
{
    struct hmac h = *keyed;
    uint8_t u[DIGEST_SIZE], counter[4];

    store_be32(counter, index);
    sha256_update(&h.inner, salt, salt_size);
    sha256_update(&h.inner, counter, sizeof counter);
    hmac_final(&h, u);
    memcpy(sum, u, DIGEST_SIZE);
    while (--iterations > 0) {
        hmac(keyed, u, sizeof u, u);
        for (unsigned i = 0; i < DIGEST_SIZE; i++)
            sum[i] ^= u[i];
    }
}

static void pbkdf2(const char *password, const char *salt, unsigned iterations, uint8_t *out,
                   size_t size)
{
    struct hmac keyed;
    uint8_t block[DIGEST_SIZE];

    hmac_init(&keyed, password, strlen(password));
    for (uint32_t index = 1; size > 0; index++) {
        size_t take = size < sizeof block ? size : sizeof block;
        pbkdf2_block(&keyed, salt, strlen(salt), index, iterations, block);
        memcpy(out, block, take);
        out += take;
        size -= take;
    }
}

static bool digests_equal(const uint8_t *a, const uint8_t *b)
{
    unsigned difference = 0;
    for (unsigned i = 0; i < DIGEST_SIZE; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

/* ---- text forms; decoders return the number of bytes or -1 ---- */

static void hex_encode(const uint8_t *data, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *text++ = digits[data[i] >> 4];
        *text++ = digits[data[i] & 15];
    }
    *text = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int hex_decode(const char *text, uint8_t *data, size_t capacity)
{
    size_t size = 0;
    for (; text[0] != '\0'; text += 2) {
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0 || size == capacity)
            return -1;
        data[size++] = (uint8_t)(high << 4 | low);
    }
    return (int)size;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_encode(const uint8_t *data, size_t size, char *text)
{
    for (; size > 0;) {
        size_t take = size < 3 ? size : 3;
        uint32_t bits = (uint32_t)data[0] << 16;
        if (take > 1)
            bits |= (uint32_t)data[1] << 8;
        if (take > 2)
            bits |= data[2];
        for (unsigned i = 0; i < 4; i++, bits <<= 6)
            *text++ = i <= take ? base64_digits[bits >> 18 & 63] : '=';
        data += take;
        size -= take;
    }
    *text = '\0';
}

static int base64_value(char c)
{
    const char *p = c != '\0' ? strchr(base64_digits, c) : NULL;
    return p != NULL ? (int)(p - base64_digits) : -1;
}

/* Strict: full groups of four, padding only at the end, no stray bits below the padding. */
static int base64_decode(const char *text, uint8_t *data, size_t capacity)
{
    size_t length = strlen(text), size = 0;
    if (length % 4 != 0)
        return -1;
    for (size_t at = 0; at < length; at += 4) {
        bool last = at + 4 == length;
        unsigned padding = last ? (text[at + 3] == '=') + (text[at + 2] == '=') : 0;
        uint32_t bits = 0;
        for (unsigned i = 0; i < 4; i++) {
            int value = i < 4 - padding ? base64_value(text[at + i]) : 0;
            if (value < 0)
                return -1;
            bits = bits << 6 | (uint32_t)value;
        }
        if ((bits & ((UINT32_C(1) << 8 * padding) - 1)) != 0 || size + 3 - padding > capacity)
            return -1;
        for (unsigned i = 0; i < 3 - padding; i++, bits <<= 8)
            data[size++] = (uint8_t)(bits >> 16);
    }
    return (int)size;
}

/* ---- checks ---- */

static unsigned checks, failures;
static uint32_t total; /* over all digests seen */

static void check(bool ok, const char *what, const char *name)
{
    checks++;
    if (!ok) {
        failures++;
        printf("sha256: FAILED %s \"%s\"\n", what, name);
    }
}

static void check_digest(const uint8_t *digest, const char *expected, const char *what,
                         const char *name)
{
    uint8_t bytes[DIGEST_SIZE];
    bool same = hex_decode(expected, bytes, sizeof bytes) == DIGEST_SIZE;
    check(same && digests_equal(digest, bytes), what, name);
    total = rotate_right(total, 5) ^ load_be32(digest);
}

static const char alphabet_448[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
static const char alphabet_896[] =
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlm"
    "nopqrsmnopqrstnopqrstu";

static void check_sha256(void)
{
    static const struct {
        const char *message, *digest;
    } tests[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {alphabet_448, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {alphabet_896, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    uint8_t digest[DIGEST_SIZE];
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        sha256(tests[i].message, strlen(tests[i].message), digest);
        check_digest(digest, tests[i].digest, "digest of", tests[i].message);
    }
}

/* One hundred thousand 'a' in pieces of 1, 2, 3 ... bytes, and every short length. */
static void check_pieces(void)
{
    struct sha256 s, all;
    uint8_t digest[DIGEST_SIZE], text[200];
    size_t left = 100000;

    memset(text, 'a', sizeof text);
    sha256_init(&s);
    for (size_t piece = 1; left > 0; piece = piece % sizeof text + 1) {
        size_t take = piece < left ? piece : left;
        sha256_update(&s, text, take);
        left -= take;
    }
    sha256_final(&s, digest);
    check_digest(digest, "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee",
                 "digest of", "a x 100000");
    sha256_init(&all);
    for (size_t n = 0; n < sizeof text; n++) {
        sha256(text, n, digest);
        sha256_update(&all, digest, sizeof digest);
    }
    sha256_final(&all, digest);
    check_digest(digest, "752c007f38611cfbf5fa42cb1cea3d8e086491c844d0cc4defd632cb81423506",
                 "digests of", "a x 0 to 199");
}

static void check_hmac(void)
{
    static const struct {
        uint8_t fill; /* the key is this byte, repeated, unless it is 0 */
        size_t key_size;
        const char *key, *message, *mac;
    } tests[] = {
        {0x0b, 20, NULL, "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {0, 4, "Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {0xaa, 131, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        uint8_t key[131], mac[DIGEST_SIZE];
        struct hmac keyed;
        if (tests[i].fill != 0)
            memset(key, tests[i].fill, tests[i].key_size);
        else
            memcpy(key, tests[i].key, tests[i].key_size);
        hmac_init(&keyed, key, tests[i].key_size);
        hmac(&keyed, tests[i].message, strlen(tests[i].message), mac);
        check_digest(mac, tests[i].mac, "HMAC of", tests[i].message);
        mac[i * 15] ^= 0x80;
        uint8_t expected[DIGEST_SIZE];
        hex_decode(tests[i].mac, expected, sizeof expected);
        check(!digests_equal(mac, expected), "forged HMAC of", tests[i].message);
    }
}

static void check_pbkdf2(void)
{
    static const struct {
        const char *password, *salt;
        unsigned iterations;
        const char *key;
    } tests[] = {
        {"password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"},
        {"password", "salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"},
        {"password", "salt", 4096,
         "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"},
        {"passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
         "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1c635518c7dac47e9"},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        uint8_t key[40];
        char text[81];
        size_t size = strlen(tests[i].key) / 2;
        pbkdf2(tests[i].password, tests[i].salt, tests[i].iterations, key, size);
        hex_encode(key, size, text);
        check(strcmp(text, tests[i].key) == 0, "key from", tests[i].password);
        total = rotate_right(total, 5) ^ load_be32(key);
    }
}

static void check_base64(void)
{
    static const char *const good[][2] = {
        {"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
        {"\xfb\xef\xbe\xff", "++++/w=="},
    };
    static const char *const bad[] = {"Z", "Zg=", "Zg==Zg==", "Z===", "Zm8*", "=Zg=", "Zh==",
                                      "Zm9=", "Zg=v", "Zm 9v"};
    uint8_t data[16];
    char text[16];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *plain = good[i][0], *coded = good[i][1];
        size_t size = strlen(plain);
        base64_encode((const uint8_t *)plain, size, text);
        check(strcmp(text, coded) == 0, "base64 of", plain);
        int n = base64_decode(coded, data, sizeof data);
        check(n == (int)size && memcmp(data, plain, size) == 0, "decoded", coded);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(base64_decode(bad[i], data, sizeof data) < 0, "bad base64", bad[i]);
    check(base64_decode("Zm9vYmFy", data, 5) < 0, "base64 beyond room", "Zm9vYmFy");
    check(base64_decode("Zm9vYmFy", data, 6) == 6, "base64 for exact room", "Zm9vYmFy");
    check(base64_decode("Zm8=", data, 2) == 2, "base64 for exact room", "Zm8=");
}

static void check_hex(void)
{
    static const char *const bad[] = {"0", "0g", "g0", "123", "00 1", "\xff"};
    uint8_t data[4];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(hex_decode(bad[i], data, sizeof data) < 0, "bad hex", bad[i]);
    check(hex_decode("0011223344", data, sizeof data) < 0, "hex beyond room", "0011223344");
    check(hex_decode("00fFA9c1", data, sizeof data) == 4 && load_be32(data) == 0x00ffa9c1,
          "decoded", "00fFA9c1");
}

int main(void)
{
    check_sha256();
    check_pieces();
    check_hmac();
    check_pbkdf2();
    check_base64();
    check_hex();
    if (failures > 0)
        return 1;
    printf("sha256: %u checks, sum %08" PRIx32 "\n", checks, total);
    return 0;
}
