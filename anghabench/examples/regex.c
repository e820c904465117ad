/*
 * regex: a regular expression compiler and a matcher that runs in linear time (Pike's machine).
 *
 * Knows . [classes] \d \w \s \b ^ $ | (groups) (?:groups) and * + ? {m,n}, each also lazy with a
 * trailing "?". Among matches at the leftmost place the one a backtracking matcher would find
 * first wins. Patterns and texts are bytes. Not covered: backreferences, lookaround, flags.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum error {
    OK, UNEXPECTED_END, NOTHING_TO_REPEAT, BAD_REPEAT, BAD_RANGE, BAD_GROUP, BAD_ESCAPE,
    UNBALANCED, TOO_LARGE,
};
enum op { BYTE, CLASS, SPLIT, JUMP, SAVE, LINE_START, LINE_END, BOUNDARY, MATCH };
enum { MAX_CODE = 400, MAX_CLASSES = 24, MAX_GROUPS = 8, MAX_REPEAT = 100, SLOTS = 2 * MAX_GROUPS };

struct class { uint8_t bits[32]; };

/* Targets are relative, so code can be moved and copied. */
struct inst {
    enum op op;
    int x, y; /* x: byte, class, slot, target or wanted outcome; SPLIT prefers x to y */
};

struct regex {
    struct inst code[MAX_CODE];
    struct class classes[MAX_CLASSES];
    int size, class_count, groups;
    const char *start, *at; /* while compiling */
    enum error error;
    size_t error_offset;
};

/* ---- compiler; after an error it stops consuming the pattern ---- */

static void fail(struct regex *re, enum error error)
{
    if (re->error == OK) {
        re->error = error;
        re->error_offset = (size_t)(re->at - re->start);
    }
}

static bool accept(struct regex *re, char c)
{
    bool same = *re->at == c && re->error == OK;
    re->at += same;
    return same;
}

static int emit(struct regex *re, enum op op, int x, int y)
{
    if (re->size == MAX_CODE)
        fail(re, TOO_LARGE);
    else
        re->code[re->size++] = (struct inst){op, x, y};
    return re->size - 1;
}

/* Inserts a choice in front of the code from a place on. */
static void insert_split(struct regex *re, int at, int to, int other, bool lazy)
{
    struct inst split = {SPLIT, lazy ? other : to, lazy ? to : other};
    emit(re, MATCH, 0, 0);
    if (re->error != OK)
        return;
    memmove(&re->code[at + 1], &re->code[at], (size_t)(re->size - 1 - at) * sizeof split);
    re->code[at] = split;
}

static void class_add(struct class *c, unsigned byte)
{
    c->bits[byte >> 3] |= (uint8_t)(1u << (byte & 7));
}

static bool is_word(unsigned byte)
{
    return byte < 128 && (isalnum((int)byte) || byte == '_');
}

/* Adds what \d \w \s or, in upper case, their opposites stand for. */
static bool class_add_escape(struct class *c, char letter)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        bool in;
        switch (tolower((unsigned char)letter)) {
        case 'd': in = byte >= '0' && byte <= '9'; break;
        case 'w': in = is_word(byte); break;
        case 's': in = byte == ' ' || (byte >= '\t' && byte <= '\r'); break;
        default: return false;
        }
        if (in != (isupper((unsigned char)letter) != 0))
            class_add(c, byte);
    }
    return true;
}

static void emit_class(struct regex *re, const struct class *c, bool negated)
{
    if (re->class_count == MAX_CLASSES) {
        fail(re, TOO_LARGE);
        return;
    }
    struct class *to = &re->classes[re->class_count];
    for (size_t i = 0; i < sizeof c->bits; i++)
        to->bits[i] = negated ? (uint8_t)~c->bits[i] : c->bits[i];
    emit(re, CLASS, re->class_count++, 0);
}

/* The byte that follows a backslash stands for; letters and digits must be known. */
static unsigned escaped_byte(struct regex *re)
{
    static const char letters[] = "nrtfv0", bytes[] = "\n\r\t\f\v\0";
    unsigned char c = (unsigned char)*re->at;
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    if (c == '\0')
        fail(re, UNEXPECTED_END);
    else if (found == NULL && isalnum(c))
        fail(re, BAD_ESCAPE);
    else
        re->at++;
    return found != NULL ? (unsigned char)bytes[found - letters] : c;
}

static unsigned class_byte(struct regex *re)
{
    if (accept(re, '\\'))
        return escaped_byte(re);
    if (*re->at == '\0')
        fail(re, UNEXPECTED_END);
    return re->error == OK ? (unsigned char)*re->at++ : 0;
}

/* After the opening bracket. A "]" that comes first is an ordinary character. */
static void parse_class(struct regex *re)
{
    struct class c = {{0}};
    bool negated = accept(re, '^'), first = true;
    for (; re->error == OK && (first || *re->at != ']'); first = false) {
        if (*re->at == '\\' && class_add_escape(&c, re->at[1])) {
            re->at += 2;
            continue;
        }
        unsigned low = class_byte(re), high = low;
        if (*re->at == '-' && re->at[1] != ']' && accept(re, '-'))
            high = class_byte(re);
        if (high < low)
            fail(re, BAD_RANGE);
        for (unsigned byte = low; byte <= high; byte++)
            class_add(&c, byte);
    }
    accept(re, ']');
    emit_class(re, &c, negated);
}

static void parse_alternatives(struct regex *re);

static void parse_group(struct regex *re)
{
    bool capture = !accept(re, '?');
    int slot = 2 * re->groups;
    if (!capture && !accept(re, ':'))
        fail(re, BAD_GROUP);
    if (capture && re->groups++ == MAX_GROUPS)
        fail(re, TOO_LARGE);
    if (capture)
        emit(re, SAVE, slot, 0);
    parse_alternatives(re);
    if (!accept(re, ')'))
        fail(re, UNBALANCED);
    if (capture)
        emit(re, SAVE, slot + 1, 0);
}

static void parse_escape(struct regex *re)
{
    struct class c = {{0}};
    if (class_add_escape(&c, *re->at)) {
        re->at++;
        emit_class(re, &c, false);
    } else if (*re->at == 'b' || *re->at == 'B') {
        emit(re, BOUNDARY, *re->at++ == 'b', 0);
    } else {
        emit(re, BYTE, (int)escaped_byte(re), 0);
    }
}

static void parse_atom(struct regex *re)
{
    static const struct class newline = {{[1] = 1 << ('\n' - 8)}};
    unsigned char c = (unsigned char)*re->at++;
    switch (c) {
    case '(': parse_group(re); break;
    case '[': parse_class(re); break;
    case '\\': parse_escape(re); break;
    case '.': emit_class(re, &newline, true); break;
    case '^': emit(re, LINE_START, 0, 0); break;
    case '$': emit(re, LINE_END, 0, 0); break;
    case '*': case '+': case '?': case '{': re->at--; fail(re, NOTHING_TO_REPEAT); break;
    default: emit(re, BYTE, c, 0);
    }
}

static void emit_copy(struct regex *re, const struct inst *code, int n)
{
    for (int i = 0; i < n; i++)
        emit(re, code[i].op, code[i].x, code[i].y);
}

/* Replaces the code from start on by min copies and either a loop (max < 0) or optional copies. */
static void repeat(struct regex *re, int start, int min, int max, bool lazy)
{
    struct inst code[MAX_CODE];
    int n = re->size - start;
    memcpy(code, &re->code[start], (size_t)n * sizeof *code);
    re->size = start;
    for (int i = 0; i < min; i++)
        emit_copy(re, code, n);
    if (max < 0 && min > 0) {
        insert_split(re, re->size, -n, 1, lazy);
    } else if (max < 0) {
        insert_split(re, start, 1, n + 2, lazy);
        emit_copy(re, code, n);
        emit(re, JUMP, -(n + 1), 0);
    }
    for (int i = min; i < max; i++) {
        insert_split(re, re->size, 1, n + 1, lazy);
        emit_copy(re, code, n);
    }
}

static int parse_number(struct regex *re)
{
    int n = 0;
    if (!isdigit((unsigned char)*re->at))
        fail(re, BAD_REPEAT);
    while (isdigit((unsigned char)*re->at) && n <= MAX_REPEAT)
        n = 10 * n + (*re->at++ - '0');
    if (n > MAX_REPEAT)
        fail(re, TOO_LARGE);
    return n;
}

static bool parse_repeat(struct regex *re, int *min, int *max)
{
    char c = *re->at;
    if (c == '\0' || strchr("*+?{", c) == NULL)
        return false;
    re->at++;
    *min = c == '+';
    *max = c == '?' ? 1 : -1;
    if (c == '{') {
        *min = *max = parse_number(re);
        if (accept(re, ','))
            *max = *re->at == '}' ? -1 : parse_number(re);
        if (!accept(re, '}') || (*max >= 0 && *max < *min))
            fail(re, BAD_REPEAT);
    }
    return true;
}

static void parse_sequence(struct regex *re)
{
    while (re->error == OK && *re->at != '\0' && *re->at != '|' && *re->at != ')') {
        int start = re->size, min, max;
        parse_atom(re);
        if (re->error == OK && parse_repeat(re, &min, &max)) {
            bool lazy = accept(re, '?');
            if (re->error == OK)
                repeat(re, start, min, max, lazy);
        }
    }
}

static void parse_alternatives(struct regex *re)
{
    int start = re->size;
    parse_sequence(re);
    if (accept(re, '|')) {
        insert_split(re, start, 1, re->size - start + 2, false);
        int jump = emit(re, JUMP, 0, 0);
        parse_alternatives(re);
        re->code[jump].x = re->size - jump;
    }
}

static enum error compile(struct regex *re, const char *pattern)
{
    memset(re, 0, sizeof *re);
    re->start = re->at = pattern;
    re->groups = 1;
    parse_alternatives(re);
    if (*re->at != '\0')
        fail(re, UNBALANCED);
    emit(re, MATCH, 0, 0);
    return re->error;
}

/* ---- matcher: all threads step through the text together, in order of preference ---- */

struct matcher {
    const struct regex *re;
    const char *text;
    struct thread { int pc, slots[SLOTS]; } lists[2][MAX_CODE];
    int counts[2], length;
    int seen[MAX_CODE]; /* the last position at which an instruction was reached, plus 1 */
    unsigned steps;
};

static bool at_boundary(const struct matcher *m, int at)
{
    bool before = at > 0 && is_word((unsigned char)m->text[at - 1]);
    bool after = at < m->length && is_word((unsigned char)m->text[at]);
    return before != after;
}

/* Follows everything that takes no byte; the threads that will take one end up in the list. */
static void add_thread(struct matcher *m, int list, int pc, int at, int *slots)
{
    const struct inst *in = &m->re->code[pc];
    bool pass = true;
    int old;
    if (m->seen[pc] == at + 1)
        return;
    m->seen[pc] = at + 1;
    m->steps++;
    switch (in->op) {
    case SPLIT:
        add_thread(m, list, pc + in->x, at, slots);
        add_thread(m, list, pc + in->y, at, slots);
        return;
    case JUMP:
        add_thread(m, list, pc + in->x, at, slots);
        return;
    case SAVE:
        old = slots[in->x];
        slots[in->x] = at;
        add_thread(m, list, pc + 1, at, slots);
        slots[in->x] = old;
        return;
    case LINE_START: pass = at == 0 || m->text[at - 1] == '\n'; break;
    case LINE_END: pass = at == m->length || m->text[at] == '\n'; break;
    case BOUNDARY: pass = at_boundary(m, at) == in->x; break;
    default:
        pass = false;
        m->lists[list][m->counts[list]].pc = pc;
        memcpy(m->lists[list][m->counts[list]++].slots, slots, SLOTS * sizeof *slots);
    }
    if (pass)
        add_thread(m, list, pc + 1, at, slots);
}

static bool takes(const struct regex *re, const struct inst *in, unsigned char b)
{
    return in->op == BYTE ? in->x == b : re->classes[in->x].bits[b >> 3] >> (b & 7) & 1;
}

/* Finds the leftmost match; slots gets the ends of all groups, -1 for those not taken. */
static bool search(struct matcher *m, const struct regex *re, const char *text, int *slots)
{
    bool matched = false;
    memset(m, 0, sizeof *m);
    m->re = re;
    m->text = text;
    m->length = (int)strlen(text);
    for (int at = 0; at <= m->length; at++) {
        int now = at & 1, next = now ^ 1;
        if (!matched) {
            int fresh[SLOTS] = {at};
            for (int i = 1; i < SLOTS; i++)
                fresh[i] = -1;
            add_thread(m, now, 0, at, fresh);
        }
        m->counts[next] = 0;
        for (int i = 0; i < m->counts[now]; i++) {
            struct thread *t = &m->lists[now][i];
            const struct inst *in = &re->code[t->pc];
            if (in->op == MATCH) {
                matched = true;
                memcpy(slots, t->slots, sizeof t->slots);
                slots[1] = at;
                break; /* what follows in the list is less preferred */
            }
            if (at < m->length && takes(re, in, (unsigned char)text[at]))
                add_thread(m, next, t->pc + 1, at + 1, t->slots);
        }
    }
    return matched;
}

static unsigned checks, failures, total_steps;
static struct regex regex;
static struct matcher matcher;

static void check(bool ok, const char *what, const char *pattern, const char *text)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("regex: FAILED %s of \"%s\" in \"%s\"\n", what, pattern, text);
}

/* The places of all groups, such as "0,3 1,2 -", or "none". */
static void describe(const char *pattern, const char *text, char *out, size_t size)
{
    int slots[SLOTS];
    bool found = compile(&regex, pattern) == OK && search(&matcher, &regex, text, slots);
    snprintf(out, size, "none");
    for (int i = 0, used = 0; found && i < regex.groups; i++) {
        int begin = slots[2 * i], end = slots[2 * i + 1];
        used += snprintf(out + used, size - (size_t)used, end < 0 ? "%s-" : "%s%d,%d",
                         i > 0 ? " " : "", begin, end);
    }
    total_steps += matcher.steps;
}

static void check_matches(void)
{
    static const char *const tests[][3] = {
        {"abc", "xabcy", "1,4"}, {"a*b", "aaab", "0,4"}, {"a.c", "a\nc abc", "4,7"},
        {"", "abc", "0,0"}, {"x*", "aaa", "0,0"}, {"[a-c]+", "zzbcaz", "2,5"},
        {"[^a-c]+", "abxyzc", "2,5"}, {"[]x]+", "a]x]", "1,4"}, {"[a-]+", "b-a-", "1,4"},
        {"[\\d\\-]+", "tel 555-12", "4,10"}, {"[^\\w\\s]", "a b_c!", "5,6"},
        {"\\d+\\s\\w+", "in 129\rdays", "3,11"}, {"\\D\\W\\S", "1a b", "1,4"},
        {"a|b|cd", "xcd", "1,3"}, {"a|ab", "ab", "0,1"}, {"(a|ab)(c|bcd)", "abcd", "0,4 0,1 1,4"},
        {"(?:ab)+", "xababab", "1,7"}, {"(a)(b)?", "ac", "0,1 0,1 -"},
        {"(a)|(b)", "b", "0,1 - 0,1"}, {"((a)(b))", "ab", "0,2 0,2 0,1 1,2"},
        {"(a*)(a*)", "aaa", "0,3 0,3 3,3"}, {"(a*?)(a*)", "aaa", "0,3 0,0 0,3"},
        {"(a+?)b", "aab", "0,3 0,2"}, {"<.*>", "<a><b>", "0,6"}, {"<.*?>", "<a><b>", "0,3"},
        {"a??b", "ab", "0,2"}, {"(a{0,1}?)(b?)", "ab", "0,0 0,0 0,0"},
        {"(a|b)*c", "abac", "0,4 2,3"}, {"(?:(a)|b)*", "ba", "0,2 1,2"}, {"a{3}", "aaaa", "0,3"},
        {"a{2,}", "aaaaa", "0,5"}, {"a{1,3}", "aaaa", "0,3"}, {"a{2,3}?", "aaaa", "0,2"},
        {"a{0}b", "ab", "1,2"}, {"(ab){2,3}c", "abababc", "0,7 4,6"},
        {"(?:a{2}){2}", "aaaaa", "0,4"}, {"^b", "a\nb", "2,3"}, {"a$", "ba\nc", "1,2"},
        {"^$", "", "0,0"}, {"^a$", "ba", "none"}, {"\\bcat\\b", "concat cat", "7,10"},
        {"\\Bcat", "cat concat", "7,10"}, {"\\.\\*\\\\", "a.*\\", "1,4"},
        {"\\t[\\n]", "x\t\n", "1,3"}, {"(\\d{1,3})\\.(\\d{1,3})", "ip 127.0", "3,8 3,6 7,8"},
        {"(\\w+)@(\\w+)\\.(com|org)", "me@site.org", "0,11 0,2 3,7 8,11"},
        {"\"([^\"\\\\]|\\\\.)*\"", "x \"a\\\"b\" y", "2,8 6,7"},
        {"(-?)(\\d+)(?:\\.(\\d+))?", "t=-12.50", "2,8 2,3 3,5 6,8"},
        {"(0|[1-9]\\d*)([eE][+-]?\\d+)?", "12e-3", "0,5 0,2 2,5"},
        {"(a+|b+)*c", "aabbc", "0,5 2,4"}, {"(?:|a)b", "ab", "0,2"}, {"x(?:a|b|)y", "xy", "0,2"},
        {"caf\303\251|[\340-\377]", "\351", "0,1"}, {"(.)(.)(.)$", "hello", "2,5 2,3 3,4 4,5"},
        {"(a.)+", "abacad!", "0,6 4,6"}, {"ab?", "abb", "0,2"},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        char found[80];
        describe(tests[i][0], tests[i][1], found, sizeof found);
        check(strcmp(found, tests[i][2]) == 0, "match", tests[i][0], tests[i][1]);
    }
}

static void check_errors(void)
{
    static const struct { const char *pattern; enum error error; size_t offset; } tests[] = {
        {"(ab", UNBALANCED, 3}, {"ab)", UNBALANCED, 2}, {"a|*b", NOTHING_TO_REPEAT, 2},
        {"a**", NOTHING_TO_REPEAT, 2}, {"({1}a)", NOTHING_TO_REPEAT, 1}, {"a{2", BAD_REPEAT, 3},
        {"a{,2}", BAD_REPEAT, 2}, {"a{3,2}", BAD_REPEAT, 6}, {"[z-a]", BAD_RANGE, 4},
        {"[a-\\d]", BAD_ESCAPE, 4}, {"\\q", BAD_ESCAPE, 1}, {"a\\", UNEXPECTED_END, 2},
        {"[^ab", UNEXPECTED_END, 4}, {"[]", UNEXPECTED_END, 2}, {"(?=a)", BAD_GROUP, 2},
        {"a{101}", TOO_LARGE, 5}, {"(a{90}){5}", TOO_LARGE, 10},
        {"(((((((())))))))", TOO_LARGE, 8}, {"a{1,0}", BAD_REPEAT, 6},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        bool same = compile(&regex, tests[i].pattern) == tests[i].error;
        check(same && regex.error_offset == tests[i].offset, "error", tests[i].pattern, "");
    }
}

/* Patterns on which a backtracking matcher takes exponential time. */
static void check_time(void)
{
    static const char *const tests[][2] = {
        {"(?:a?){24}a{24}", "0,24"}, {"(?:a*)*b", "none"}, {"(?:a|aa)+$", "0,24"},
        {"(?:x+x+)+y|a{9}", "0,9"},
    };
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        char found[80];
        describe(tests[i][0], text, found, sizeof found);
        check(strcmp(found, tests[i][1]) == 0, "match", tests[i][0], text);
        check(matcher.steps <= sizeof text * (size_t)regex.size, "time", tests[i][0], text);
    }
}

int main(void)
{
    check_matches();
    check_errors();
    check_time();
    check(total_steps == 2992, "number of steps", "all", "all");
    if (failures > 0)
        return 1;
    printf("regex: %u checks, %u steps\n", checks, total_steps);
    return 0;
}
