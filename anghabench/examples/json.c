/*
 * json: a strict JSON parser (RFC 8259) into a tree, a printer and a tiny path query.
 *
 * All nodes and strings of a document come from one fixed arena, so nothing needs freeing. Input
 * ends at a NUL and must be valid UTF-8; \u escapes become UTF-8 too. Numbers are doubles.
 */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { WORD, NUMBER, STRING, ARRAY, OBJECT };
enum error {
    OK, UNEXPECTED_END, UNEXPECTED_CHAR, BAD_WORD, BAD_NUMBER, NUMBER_RANGE, BAD_ESCAPE,
    BAD_SURROGATE, BAD_UTF8, CONTROL_CHAR, TOO_DEEP, DUPLICATE_KEY, TRAILING_TEXT, OUT_OF_MEMORY,
};
enum { MAX_DEPTH = 32, MAX_NODES = 256, MAX_TEXT = 1024 };

struct slice { const char *data; size_t length; };

struct node {
    enum type type;
    struct slice key;  /* of a member of an object, else key.data is NULL */
    struct slice text; /* of a string or of null, false, true */
    double number;
    struct node *child, *next;
};

struct document {
    struct node nodes[MAX_NODES];
    char text[MAX_TEXT];
    size_t node_count, text_size, error_offset;
    const char *start, *at;
    unsigned depth;
    enum error error;
};

/* ---- parser; every function returns false once an error is recorded ---- */

static bool fail(struct document *d, enum error error)
{
    if (d->error == OK) {
        d->error = error;
        d->error_offset = (size_t)(d->at - d->start);
    }
    return false;
}

static bool fail_here(struct document *d)
{
    return fail(d, *d->at == '\0' ? UNEXPECTED_END : UNEXPECTED_CHAR);
}

static int peek(const struct document *d)
{
    return (unsigned char)*d->at;
}

static bool accept(struct document *d, char c)
{
    if (*d->at != c)
        return false;
    d->at++;
    return true;
}

static void skip_space(struct document *d)
{
    while (accept(d, ' ') || accept(d, '\n') || accept(d, '\t') || accept(d, '\r'))
        continue;
}

static bool put_char(struct document *d, unsigned c)
{
    if (d->text_size == sizeof d->text)
        return fail(d, OUT_OF_MEMORY);
    d->text[d->text_size++] = (char)c;
    return true;
}

static bool put_utf8(struct document *d, uint32_t c)
{
    if (c < 0x80)
        return put_char(d, c);
    unsigned extra = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    bool ok = put_char(d, (0xff00u >> (extra + 1) & 0xff) | c >> 6 * extra);
    while (extra-- > 0)
        ok = ok && put_char(d, 0x80 | (c >> 6 * extra & 63));
    return ok;
}

static bool take_hex4(struct document *d, uint32_t *value)
{
    static const char digits[] = "0123456789abcdef";
    *value = 0;
    for (int i = 0; i < 4; i++, d->at++) {
        const char *found = isxdigit(peek(d)) ? strchr(digits, tolower(peek(d))) : NULL;
        if (found == NULL)
            return fail(d, BAD_ESCAPE);
        *value = *value << 4 | (uint32_t)(found - digits);
    }
    return true;
}

static bool take_unicode_escape(struct document *d)
{
    uint32_t c, low;
    if (!take_hex4(d, &c))
        return false;
    if (c >= 0xd800 && c <= 0xdbff) {
        bool pair = accept(d, '\\') && accept(d, 'u') && take_hex4(d, &low);
        if (!pair || low < 0xdc00 || low > 0xdfff)
            return fail(d, BAD_SURROGATE);
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return fail(d, BAD_SURROGATE);
    }
    return put_utf8(d, c);
}

static bool take_escape(struct document *d)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = peek(d) != '\0' ? strchr(from, peek(d)) : NULL;
    if (accept(d, 'u'))
        return take_unicode_escape(d);
    if (found == NULL)
        return fail(d, BAD_ESCAPE);
    d->at++;
    return put_char(d, (unsigned char)to[found - from]);
}

/* One character beyond ASCII: well formed, shortest form, no surrogate, at most U+10FFFF. */
static bool take_utf8(struct document *d)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    unsigned lead = (unsigned char)*d->at;
    unsigned extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t c = lead & (0x3fu >> extra);
    if (lead < 0xc0 || lead > 0xf4)
        return fail(d, BAD_UTF8);
    for (unsigned i = 1; i <= extra; i++) {
        if ((d->at[i] & 0xc0) != 0x80)
            return fail(d, BAD_UTF8);
        c = c << 6 | (d->at[i] & 63);
    }
    if (c < smallest[extra] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return fail(d, BAD_UTF8);
    d->at += extra + 1;
    return put_utf8(d, c);
}

static bool take_string_char(struct document *d)
{
    int c = peek(d);
    if (c < 0x20)
        return fail(d, c == '\0' ? UNEXPECTED_END : CONTROL_CHAR);
    if (c >= 0x80)
        return take_utf8(d);
    return accept(d, '\\') ? take_escape(d) : put_char(d, (unsigned char)*d->at++);
}

static bool take_string(struct document *d, struct slice *s)
{
    size_t begin = d->text_size;
    if (!accept(d, '"'))
        return fail_here(d);
    while (!accept(d, '"'))
        if (!take_string_char(d))
            return false;
    *s = (struct slice){d->text + begin, d->text_size - begin};
    return true;
}

static bool skip_digits(struct document *d)
{
    const char *begin = d->at;
    while (peek(d) >= '0' && peek(d) <= '9')
        d->at++;
    return d->at > begin;
}

static bool take_number(struct document *d, double *number)
{
    const char *begin = d->at;
    accept(d, '-');
    bool ok = accept(d, '0') || skip_digits(d);
    if (accept(d, '.'))
        ok = skip_digits(d) && ok;
    if (accept(d, 'e') || accept(d, 'E')) {
        (void)(accept(d, '+') || accept(d, '-'));
        ok = skip_digits(d) && ok;
    }
    if (!ok)
        return fail(d, BAD_NUMBER);
    *number = strtod(begin, NULL);
    return isfinite(*number) || fail(d, NUMBER_RANGE);
}

static bool take_word(struct document *d, struct slice *text)
{
    static const char *const words[] = {"null", "false", "true"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (strncmp(d->at, words[i], length) == 0) {
            *text = (struct slice){words[i], length};
            d->at += length;
            return true;
        }
    }
    return fail(d, BAD_WORD);
}

static struct node *find_member(const struct node *object, struct slice key)
{
    for (struct node *n = object->child; n != NULL; n = n->next)
        if (n->key.length == key.length && memcmp(n->key.data, key.data, key.length) == 0)
            return n;
    return NULL;
}

static bool take_key(struct document *d, const struct node *object, struct slice *key)
{
    skip_space(d);
    if (!take_string(d, key))
        return false;
    if (find_member(object, *key) != NULL)
        return fail(d, DUPLICATE_KEY);
    skip_space(d);
    return accept(d, ':') || fail_here(d);
}

static bool take_value(struct document *d, struct node **value);

/* The elements of an array or the members of an object. */
static bool take_children(struct document *d, struct node *parent, char close)
{
    struct node **tail = &parent->child;
    d->at++;
    if (++d->depth > MAX_DEPTH)
        return fail(d, TOO_DEEP);
    skip_space(d);
    if (peek(d) != close) {
        do {
            struct slice key = {NULL, 0};
            struct node *n;
            if ((parent->type == OBJECT && !take_key(d, parent, &key)) || !take_value(d, &n))
                return false;
            n->key = key;
            *tail = n;
            tail = &n->next;
        } while (accept(d, ','));
    }
    d->depth--;
    return accept(d, close) || fail_here(d);
}

static bool take_typed(struct document *d, struct node *n, int first)
{
    switch (first) {
    case 'n': case 'f': case 't':
        return take_word(d, &n->text);
    case '"':
        n->type = STRING;
        return take_string(d, &n->text);
    case '[':
        n->type = ARRAY;
        return take_children(d, n, ']');
    case '{':
        n->type = OBJECT;
        return take_children(d, n, '}');
    default:
        n->type = NUMBER;
        return first == '-' || (first >= '0' && first <= '9') ? take_number(d, &n->number)
                                                              : fail_here(d);
    }
}

static bool take_value(struct document *d, struct node **value)
{
    if (d->node_count == MAX_NODES)
        return fail(d, OUT_OF_MEMORY);
    *value = &d->nodes[d->node_count++];
    **value = (struct node){.type = WORD};
    skip_space(d);
    bool ok = take_typed(d, *value, peek(d));
    skip_space(d);
    return ok;
}

/* The root, or NULL with d->error and d->error_offset set. */
static struct node *parse(struct document *d, const char *text)
{
    struct node *root;
    d->start = d->at = text;
    d->node_count = d->text_size = d->depth = 0;
    d->error = OK;
    bool ok = take_value(d, &root) && (*d->at == '\0' || fail(d, TRAILING_TEXT));
    return ok ? root : NULL;
}

/* ---- printer; what does not fit is cut off ---- */

struct writer {
    char text[1024];
    size_t size;
};

static void put(struct writer *w, const char *text)
{
    size_t room = sizeof w->text - 1 - w->size, length = strlen(text);
    size_t n = length < room ? length : room;
    memcpy(w->text + w->size, text, n);
    w->text[w->size += n] = '\0';
}

static void print_string(struct writer *w, struct slice s)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    put(w, "\"");
    for (size_t i = 0; i < s.length; i++) {
        char code[8] = {s.data[i]};
        const char *found = code[0] != '\0' ? strchr(special, code[0]) : NULL;
        if (found != NULL)
            snprintf(code, sizeof code, "\\%c", letters[found - special]);
        else if ((unsigned char)code[0] < 0x20)
            snprintf(code, sizeof code, "\\u%04x", (unsigned)code[0]);
        put(w, code);
    }
    put(w, "\"");
}

/* The fewest digits that read back as the same number. */
static void print_number(struct writer *w, double number)
{
    char text[40];
    int digits = 14;
    do
        snprintf(text, sizeof text, "%.*g", ++digits, number);
    while (digits < 17 && strtod(text, NULL) != number);
    put(w, text);
}

static void print(struct writer *w, const struct node *n)
{
    switch (n->type) {
    case WORD: put(w, n->text.data); break;
    case NUMBER: print_number(w, n->number); break;
    case STRING: print_string(w, n->text); break;
    case ARRAY: case OBJECT:
        put(w, n->type == ARRAY ? "[" : "{");
        for (const struct node *c = n->child; c != NULL; c = c->next) {
            if (c->key.data != NULL) {
                print_string(w, c->key);
                put(w, ":");
            }
            print(w, c);
            put(w, c->next != NULL ? "," : "");
        }
        put(w, n->type == ARRAY ? "]" : "}");
    }
}

/* ---- path query: names after dots, indices in brackets: "store.books[0].title" ---- */

static const struct node *query(const struct node *n, const char *path)
{
    while (n != NULL && *path != '\0') {
        if (*path == '[') {
            char *end;
            unsigned long index = strtoul(path + 1, &end, 10);
            if (n->type != ARRAY || end == path + 1 || *end != ']')
                return NULL;
            for (n = n->child; n != NULL && index > 0; index--)
                n = n->next;
            path = end + 1;
        } else {
            path += *path == '.';
            struct slice key = {path, strcspn(path, ".[")};
            n = n->type == OBJECT ? find_member(n, key) : NULL;
            path += key.length;
        }
    }
    return n;
}

static unsigned checks, failures;
static uint32_t hash = 2166136261u; /* FNV-1a over everything printed */
static struct document doc;
static struct writer out;

static void check(bool ok, const char *what, const char *name)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("json: FAILED %s %s\n", what, name);
}

static bool prints_as(const struct node *n, const char *expected)
{
    out.size = 0;
    if (n != NULL)
        print(&out, n);
    for (size_t i = 0; i < out.size; i++)
        hash = (hash ^ (unsigned char)out.text[i]) * 16777619u;
    return n != NULL && strcmp(out.text, expected) == 0;
}

static void check_good(void)
{
    static const char *const tests[][2] = {
        {"null", "null"}, {"[]", "[]"}, {"\t{ }", "{}"},
        {" [ true,false , null ]\r\n", "[true,false,null]"},
        {"[0, -0, 12, -3.50, 1E2, 1e-7, 0.1, 1e+300]", "[0,-0,12,-3.5,100,1e-07,0.1,1e+300]"},
        {"{\"b\": {\"c\": [{}]}, \"a\": \"\"}", "{\"b\":{\"c\":[{}]},\"a\":\"\"}"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uFFFF\\ud800\\udc00\\uDBFF\\uDFFF\"",
         "\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
        {"{\"\\u0000\": 1, \"\\u0000\\u001f\": 2}", "{\"\\u0000\":1,\"\\u0000\\u001f\":2}"},
        {"[3.141592653589793, 9007199254740993, 1.7976931348623157e308]",
         "[3.141592653589793,9007199254740992,1.7976931348623157e+308]"},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        const char *text = tests[i][0], *expected = tests[i][1];
        check(prints_as(parse(&doc, text), expected), "parsing", text);
        check(prints_as(parse(&doc, expected), expected), "parsing", expected);
    }
}

static void check_bad(void)
{
    static const struct {
        const char *text;
        enum error error;
        size_t offset;
    } tests[] = {
        {"", UNEXPECTED_END, 0}, {"  [1, 2", UNEXPECTED_END, 7}, {"{\"a\"", UNEXPECTED_END, 4},
        {"\"abc", UNEXPECTED_END, 4}, {"[1 2]", UNEXPECTED_CHAR, 3}, {"[1,]", UNEXPECTED_CHAR, 3},
        {"{\"a\":1,}", UNEXPECTED_CHAR, 7}, {"{a:1}", UNEXPECTED_CHAR, 1},
        {"[}", UNEXPECTED_CHAR, 1}, {"+1", UNEXPECTED_CHAR, 0}, {"[nul]", BAD_WORD, 1},
        {"-", BAD_NUMBER, 1}, {"[1.]", BAD_NUMBER, 3}, {"2e+", BAD_NUMBER, 3},
        {"01", TRAILING_TEXT, 1}, {"1e400", NUMBER_RANGE, 5}, {"\"\\x\"", BAD_ESCAPE, 2},
        {"\"\\u12g4\"", BAD_ESCAPE, 5}, {"\"\\ud800\"", BAD_SURROGATE, 7},
        {"\"\\udc00\"", BAD_SURROGATE, 7}, {"\"\\ud800\\u0041\"", BAD_SURROGATE, 13},
        {"\"\xc0\x80\"", BAD_UTF8, 1}, {"\"\xed\xa0\x80\"", BAD_UTF8, 1},
        {"\"\xf4\x90\x80\x80\"", BAD_UTF8, 1}, {"\"\xe2\x82", BAD_UTF8, 1},
        {"\"a\nb\"", CONTROL_CHAR, 2}, {"{\"a\":1,\"\\u0061\":2}", DUPLICATE_KEY, 15},
        {"null null", TRAILING_TEXT, 5},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        bool refused = parse(&doc, tests[i].text) == NULL && doc.error == tests[i].error;
        check(refused && doc.error_offset == tests[i].offset, "refusing", tests[i].text);
    }
}

static void check_limits(void)
{
    char text[2 * MAX_DEPTH + 2] = "";
    memset(text, '[', MAX_DEPTH);
    memset(text + MAX_DEPTH, ']', MAX_DEPTH);
    check(prints_as(parse(&doc, text), text), "parsing", text);
    text[MAX_DEPTH] = '[';
    check(parse(&doc, text) == NULL && doc.error == TOO_DEEP, "limit on depth", text);
}

static void check_queries(void)
{
    static const char text[] =
        "{\"name\": \"depot\", \"racks\": [{\"id\": 7, \"load\": [10.5, 20, 30]},"
        " {\"id\": 8, \"load\": []}], \"open\": true, \"\": {\"x y\": null}}";
    static const char *const tests[][2] = {
        {"name", "\"depot\""},        {"racks[0].id", "7"}, {"racks[1].load", "[]"},
        {"racks[0].load[0]", "10.5"}, {".open", "true"},    {"..x y", "null"},
        {"racks[1]", "{\"id\":8,\"load\":[]}"},
    };
    static const char *const missing[] = {"nam",     "names",  "racks[2]", "racks[0].load[3]",
                                          "name[0]", "open.x", "racks.id", "racks[0", "racks[]"};
    const struct node *root = parse(&doc, text);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        check(prints_as(query(root, tests[i][0]), tests[i][1]), "query", tests[i][0]);
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        check(query(root, missing[i]) == NULL, "absent", missing[i]);
}

int main(void)
{
    check_good();
    check_bad();
    check_limits();
    check_queries();
    if (failures > 0)
        return 1;
    printf("json: %u checks, hash %08x\n", checks, (unsigned)hash);
    return 0;
}
