/*
 * tinyfs: a small file system with a file allocation table, on a RAM disk.
 *
 * The disk is nothing but bytes: block 0 names the format, then come the table with one 16-bit
 * link for each block and the root directory. A directory is a chain of blocks with 32-byte
 * entries. An operation that fails changes nothing. Not covered: renaming, time stamps.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_SIZE = 128, BLOCK_COUNT = 256, ENTRY_SIZE = 32, NAME_SIZE = 24 };
enum { TABLE_BLOCK = 1, ROOT_BLOCK = TABLE_BLOCK + BLOCK_COUNT * 2 / BLOCK_SIZE };
enum { FREE = 0, END = 0xffff };                      /* links */
enum { UNUSED = 0, REGULAR = 1, DIRECTORY = 2 };      /* types of entries */
enum { AT_TYPE = 24, AT_FIRST = 26, AT_LENGTH = 28 }; /* the name comes first in an entry */
enum status {
    OK, NOT_FOUND, EXISTS, BAD_NAME, NOT_DIRECTORY, IS_DIRECTORY, NOT_EMPTY, BAD_OFFSET, NO_SPACE,
};
struct disk { uint8_t blocks[BLOCK_COUNT][BLOCK_SIZE]; };

/* Numbers on the disk have the low byte first. */
static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static uint8_t *link_of(struct disk *d, unsigned block)
{
    return d->blocks[TABLE_BLOCK + 2 * block / BLOCK_SIZE] + 2 * block % BLOCK_SIZE;
}

static unsigned next_block(struct disk *d, unsigned block)
{
    return get16(link_of(d, block));
}

static unsigned blocks_for(uint32_t length)
{
    return (length + BLOCK_SIZE - 1) / BLOCK_SIZE;
}

static unsigned free_blocks(struct disk *d)
{
    unsigned count = 0;
    for (unsigned b = ROOT_BLOCK; b < BLOCK_COUNT; b++)
        count += next_block(d, b) == FREE;
    return count;
}

/* The caller has made sure that one is free. */
static unsigned take_block(struct disk *d)
{
    unsigned b = ROOT_BLOCK;
    while (next_block(d, b) != FREE)
        b++;
    memset(d->blocks[b], 0, BLOCK_SIZE);
    put16(link_of(d, b), END);
    return b;
}

/* Appends new blocks to a chain whose first block is noted at *first. */
static void grow_chain(struct disk *d, uint8_t *first, unsigned count)
{
    uint8_t *link = first;
    while (get16(link) != END)
        link = link_of(d, get16(link));
    for (; count > 0; count--, link = link_of(d, get16(link)))
        put16(link, take_block(d));
}

/* The entry of that name, or with an empty name the first unused one; NULL if there is none. */
static uint8_t *find_entry(struct disk *d, unsigned dir, const char *name)
{
    for (; dir != END; dir = next_block(d, dir)) {
        for (unsigned at = 0; at < BLOCK_SIZE; at += ENTRY_SIZE) {
            uint8_t *e = d->blocks[dir] + at;
            bool used = e[AT_TYPE] != UNUSED;
            if (*name != '\0' ? used && strcmp((const char *)e, name) == 0 : !used)
                return e;
        }
    }
    return NULL;
}

struct place {
    unsigned dir; /* first block of the directory that holds or may hold the entry */
    char name[NAME_SIZE];
    uint8_t *entry; /* NULL if there is none, as for the root */
    bool last;      /* only the last part of the path was not found */
};

static enum status walk(struct disk *d, const char *path, struct place *p)
{
    *p = (struct place){.dir = ROOT_BLOCK};
    if (*path != '/' || path[1] == '\0')
        return *path == '/' ? OK : BAD_NAME;
    for (;;) {
        size_t length = strcspn(++path, "/");
        if (length == 0 || length >= NAME_SIZE)
            return BAD_NAME;
        snprintf(p->name, NAME_SIZE, "%.*s", (int)length, path);
        p->last = *(path += length) == '\0';
        p->entry = find_entry(d, p->dir, p->name);
        if (p->last || p->entry == NULL)
            return p->entry != NULL ? OK : NOT_FOUND;
        if (p->entry[AT_TYPE] != DIRECTORY)
            return NOT_DIRECTORY;
        p->dir = get16(p->entry + AT_FIRST);
    }
}

/* Finds a file that is at least offset long. */
static enum status open_at(struct disk *d, const char *path, uint32_t offset, uint8_t **entry)
{
    struct place p;
    enum status status = walk(d, path, &p);
    if (status != OK)
        return status;
    if (p.entry == NULL || p.entry[AT_TYPE] == DIRECTORY)
        return IS_DIRECTORY;
    *entry = p.entry;
    return offset <= get16(p.entry + AT_LENGTH) ? OK : BAD_OFFSET;
}

static void fs_format(struct disk *d)
{
    memset(d, 0, sizeof *d);
    memcpy(d->blocks[0], "tinyfs 1", 8);
    for (unsigned b = 0; b <= ROOT_BLOCK; b++)
        put16(link_of(d, b), END);
}

static enum status create(struct disk *d, const char *path, unsigned type)
{
    struct place p;
    enum status status = walk(d, path, &p);
    if (status != NOT_FOUND || !p.last)
        return status == OK ? EXISTS : status;
    uint8_t dir_link[2], *e = find_entry(d, p.dir, "");
    if (free_blocks(d) < (unsigned)(type == DIRECTORY) + (e == NULL))
        return NO_SPACE;
    if (e == NULL) {
        put16(dir_link, p.dir);
        grow_chain(d, dir_link, 1);
        e = find_entry(d, p.dir, "");
    }
    memset(e, 0, ENTRY_SIZE);
    strcpy((char *)e, p.name);
    e[AT_TYPE] = (uint8_t)type;
    put16(e + AT_FIRST, END);
    if (type == DIRECTORY)
        grow_chain(d, e + AT_FIRST, 1);
    return OK;
}

static enum status fs_remove(struct disk *d, const char *path)
{
    struct place p;
    enum status status = walk(d, path, &p);
    if (status != OK || p.entry == NULL)
        return status == OK ? IS_DIRECTORY : status;
    const unsigned first = get16(p.entry + AT_FIRST);
    for (unsigned b = first; p.entry[AT_TYPE] == DIRECTORY && b != END; b = next_block(d, b))
        for (unsigned at = 0; at < BLOCK_SIZE; at += ENTRY_SIZE)
            if (d->blocks[b][at + AT_TYPE] != UNUSED)
                return NOT_EMPTY;
    for (unsigned b = first, next; b != END; b = next) {
        next = next_block(d, b);
        put16(link_of(d, b), FREE);
    }
    p.entry[AT_TYPE] = UNUSED;
    return OK;
}

/* Copies n bytes, block by block, to the memory or, if that is NULL, from the other. */
static void transfer(struct disk *d, const uint8_t *entry, uint32_t offset, uint8_t *to,
                     const uint8_t *from, uint32_t n)
{
    unsigned block = get16(entry + AT_FIRST);
    for (; offset >= BLOCK_SIZE && n > 0; offset -= BLOCK_SIZE)
        block = next_block(d, block);
    for (uint32_t done = 0, take; done < n; done += take) {
        uint8_t *bytes = d->blocks[block] + offset;
        take = BLOCK_SIZE - offset < n - done ? BLOCK_SIZE - offset : n - done;
        if (to != NULL)
            memcpy(to + done, bytes, take);
        else
            memcpy(bytes, from + done, take);
        offset = 0;
        block = next_block(d, block);
    }
}

/* At any offset up to the end; makes the file longer where needed. */
static enum status fs_write(struct disk *d, const char *path, uint32_t offset, const void *data,
                            uint32_t n)
{
    uint8_t *e;
    enum status status = open_at(d, path, offset, &e);
    if (status != OK || n > sizeof *d)
        return status != OK ? status : NO_SPACE;
    uint32_t length = get16(e + AT_LENGTH);
    uint32_t end = offset + n > length ? offset + n : length;
    unsigned more = blocks_for(end) - blocks_for(length);
    if (more > free_blocks(d))
        return NO_SPACE;
    grow_chain(d, e + AT_FIRST, more);
    put16(e + AT_LENGTH, end);
    transfer(d, e, offset, NULL, data, n);
    return OK;
}

/* *n is what there is room for and becomes what was read. */
static enum status fs_read(struct disk *d, const char *path, uint32_t offset, void *data,
                           uint32_t *n)
{
    uint8_t *e;
    enum status status = open_at(d, path, offset, &e);
    if (status == OK) {
        uint32_t rest = get16(e + AT_LENGTH) - offset;
        *n = *n < rest ? *n : rest;
        transfer(d, e, offset, data, NULL, *n);
    }
    return status;
}

/* Writes "name/ " for a directory and "name:length " for a file. */
static enum status fs_list(struct disk *d, const char *path, char *text, size_t size)
{
    struct place p;
    enum status status = walk(d, path, &p);
    if (status != OK || (p.entry != NULL && p.entry[AT_TYPE] != DIRECTORY))
        return status != OK ? status : NOT_DIRECTORY;
    unsigned dir = p.entry != NULL ? get16(p.entry + AT_FIRST) : ROOT_BLOCK;
    *text = '\0';
    for (; dir != END; dir = next_block(d, dir)) {
        for (unsigned at = 0; at < BLOCK_SIZE; at += ENTRY_SIZE) {
            const uint8_t *e = d->blocks[dir] + at;
            size_t used = strlen(text);
            if (e[AT_TYPE] != UNUSED)
                snprintf(text + used, size - used, e[AT_TYPE] == DIRECTORY ? "%s/ " : "%s:%d ",
                         (const char *)e, get16(e + AT_LENGTH));
        }
    }
    return OK;
}

struct report { bool used[BLOCK_COUNT]; unsigned bad_links, shared, bad_lengths, lost; };

/* Marks the blocks of a chain and returns how many there are before its end or the first fault. */
static unsigned check_chain(struct disk *d, unsigned block, struct report *r)
{
    unsigned count = 0;
    for (; block != END; block = next_block(d, block), count++) {
        bool bad = block < ROOT_BLOCK || block >= BLOCK_COUNT;
        if (bad || r->used[block]) {
            *(bad ? &r->bad_links : &r->shared) += 1;
            break;
        }
        r->used[block] = true;
    }
    return count;
}

static void check_directory(struct disk *d, unsigned block, struct report *r)
{
    for (unsigned count = check_chain(d, block, r); count > 0; count--) {
        for (unsigned at = 0; at < BLOCK_SIZE; at += ENTRY_SIZE) {
            const uint8_t *e = d->blocks[block] + at;
            unsigned first = get16(e + AT_FIRST);
            if (e[AT_TYPE] == DIRECTORY)
                check_directory(d, first, r);
            else if (e[AT_TYPE] == REGULAR)
                r->bad_lengths += check_chain(d, first, r) != blocks_for(get16(e + AT_LENGTH));
        }
        block = next_block(d, block);
    }
}

/* Counts faults; blocks that nothing leads to become free again. */
static struct report fsck(struct disk *d)
{
    struct report r = {{false}, 0, 0, 0, 0};
    check_directory(d, ROOT_BLOCK, &r);
    for (unsigned b = ROOT_BLOCK; b < BLOCK_COUNT; b++) {
        bool lost = !r.used[b] && next_block(d, b) != FREE;
        r.lost += lost;
        if (lost)
            put16(link_of(d, b), FREE);
    }
    return r;
}

static unsigned checks, failures;
static struct disk disk;

static void check(bool ok, const char *what, const char *name)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("tinyfs: FAILED %s %s\n", what, name);
}

static bool is_clean(void)
{
    struct report r = fsck(&disk);
    return r.bad_links + r.shared + r.bad_lengths + r.lost == 0;
}

/* Make a directory, create, write, read, remove (x), list; the text to write or to expect. */
static const struct step {
    char op; const char *path; uint32_t offset; const char *text; enum status status;
} steps[] = {
    {'m', "/etc", 0, "", OK}, {'m', "/etc", 0, "", EXISTS}, {'m', "/", 0, "", EXISTS},
    {'m', "etc", 0, "", BAD_NAME}, {'m', "/etc/", 0, "", BAD_NAME}, {'c', "/etc/motd", 0, "", OK},
    {'r', "/etc/motd", 0, "", OK}, {'w', "/etc/motd", 0, "hello", OK},
    {'w', "/etc/motd", 3, "p me", OK}, {'r', "/etc/motd", 0, "help me", OK},
    {'r', "/etc/motd", 5, "me", OK}, {'r', "/etc/motd", 8, "", BAD_OFFSET},
    {'w', "/etc/motd", 8, "x", BAD_OFFSET}, {'w', "/etc", 0, "x", IS_DIRECTORY},
    {'c', "/etc/motd/x", 0, "", NOT_DIRECTORY}, {'c', "/var/log", 0, "", NOT_FOUND},
    {'x', "/etc", 0, "", NOT_EMPTY}, {'x', "/", 0, "", IS_DIRECTORY}, {'m', "/etc/m", 0, "", OK},
    {'l', "/etc", 0, "motd:7 m/ ", OK}, {'l', "/etc/motd", 0, "", NOT_DIRECTORY},
    {'x', "/etc/motd", 0, "", OK}, {'x', "/etc/motd", 0, "", NOT_FOUND},
    {'x', "/etc/m", 0, "", OK}, {'x', "/etc", 0, "", OK}, {'l', "/etc", 0, "", NOT_FOUND},
    {'c', "/12345678901234567890123", 0, "", OK}, {'l', "/", 0, "12345678901234567890123:0 ", OK},
    {'c', "/123456789012345678901234", 0, "", BAD_NAME}, {'r', "/", 0, "", IS_DIRECTORY},
};

static enum status run_step(const struct step *s, char *text, uint32_t size)
{
    switch (s->op) {
    case 'm': return create(&disk, s->path, DIRECTORY);
    case 'c': return create(&disk, s->path, REGULAR);
    case 'w': return fs_write(&disk, s->path, s->offset, s->text, (uint32_t)strlen(s->text));
    case 'x': return fs_remove(&disk, s->path);
    case 'l': return fs_list(&disk, s->path, text, size);
    default: return fs_read(&disk, s->path, s->offset, text, &size);
    }
}

static void check_steps(void)
{
    fs_format(&disk);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct step *s = &steps[i];
        char text[100] = "";
        check(run_step(s, text, sizeof text - 1) == s->status, "status for", s->path);
        bool shows = s->status == OK && (s->op == 'r' || s->op == 'l');
        check(strcmp(text, shows ? s->text : "") == 0 && is_clean(), "outcome for", s->path);
    }
}

static void check_full(void)
{
    static const uint8_t piece[100] = {1};
    uint32_t length = 0;
    fs_format(&disk);
    check(free_blocks(&disk) == 250, "free blocks of", "an empty disk");
    create(&disk, "/big", REGULAR);
    while (fs_write(&disk, "/big", length, piece, sizeof piece) == OK)
        length += sizeof piece;
    check(length == 32000 && free_blocks(&disk) == 0, "filling", "the disk");
    check(create(&disk, "/dir", DIRECTORY) == NO_SPACE, "directory on", "a full disk");
    for (char path[] = "/1"; path[1] <= '4'; path[1]++) /* a directory block has four entries */
        check(create(&disk, path, REGULAR) == (path[1] < '4' ? OK : NO_SPACE), "entry", path);
    check(fs_remove(&disk, "/big") == OK && free_blocks(&disk) == 250, "removing", "/big");
    for (char path[] = "/4"; path[1] <= '9'; path[1]++)
        check(create(&disk, path, REGULAR) == OK, "entry", path);
    check(free_blocks(&disk) == 248 && is_clean(), "longer", "directory");
}

/* Sets one link on a disk where /d is block 6, /d/a blocks 7 to 9 and /d/b blocks 10 to 12. */
static void check_damage(void)
{
    static const unsigned tests[][6] = { /* block, its link, and the report to expect */
        {8, 3, 1, 0, 1, 1}, {8, 256, 1, 0, 1, 1}, {9, 7, 0, 1, 0, 0}, {9, 10, 0, 1, 2, 0},
        {8, END, 0, 0, 1, 1}, {50, END, 0, 0, 0, 1}, {6, 10, 0, 1, 1, 0}, {5, 5, 0, 1, 0, 0},
        {12, FREE, 1, 0, 0, 0}, {6, 5, 0, 1, 0, 0}, {10, 12, 0, 0, 1, 1},
    };
    static const uint8_t zeros[300];
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        const unsigned *t = tests[i];
        fs_format(&disk);
        create(&disk, "/d", DIRECTORY);
        create(&disk, "/d/a", REGULAR);
        fs_write(&disk, "/d/a", 0, zeros, sizeof zeros);
        create(&disk, "/d/b", REGULAR);
        fs_write(&disk, "/d/b", 0, zeros, sizeof zeros);
        bool clean = is_clean();
        put16(link_of(&disk, t[0]), t[1]);
        struct report r = fsck(&disk);
        check(clean && r.bad_links == t[2] && r.shared == t[3], "links after", "damage");
        check(r.bad_lengths == t[4] && r.lost == t[5], "blocks after", "damage");
        check(fsck(&disk).lost == 0, "repair after", "damage");
    }
}

/* What a few files must hold. */
enum { FILES = 4, MAX_LENGTH = 12000 };
static struct model { bool exists; uint32_t length; uint8_t bytes[MAX_LENGTH]; } models[FILES];

static uint32_t random_below(uint32_t limit)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % limit;
}

static unsigned model_free_blocks(void)
{
    unsigned count = 249; /* one block is a directory */
    for (unsigned i = 0; i < FILES; i++)
        count -= blocks_for(models[i].length);
    return count;
}

static enum status random_write(struct model *m, const char *path, enum status *expected)
{
    uint8_t data[700];
    uint32_t n = random_below(sizeof data);
    uint32_t offset = random_below(2) != 0 ? m->length : random_below(m->length + 1);
    offset = offset + n > MAX_LENGTH ? 0 : offset;
    uint32_t length = offset + n > m->length ? offset + n : m->length;
    if (*expected == OK && blocks_for(length) - blocks_for(m->length) > model_free_blocks())
        *expected = NO_SPACE;
    for (uint32_t i = 0; i < n; i++)
        data[i] = (uint8_t)random_below(256);
    if (*expected == OK) {
        memcpy(m->bytes + offset, data, n);
        m->length = length;
    }
    return fs_write(&disk, path, offset, data, n);
}

/* Does something to a file and its model; true if both end the same way. */
static bool random_step(struct model *m, const char *path, unsigned *full)
{
    static uint8_t bytes[MAX_LENGTH];
    enum status status, expected = m->exists ? OK : NOT_FOUND;
    uint32_t n = MAX_LENGTH, choice = random_below(128);
    bool same = true;
    if (choice < 1) {
        m->exists = false;
        m->length = 0;
        status = fs_remove(&disk, path);
    } else if (choice < 14) {
        expected = m->exists ? EXISTS : OK;
        m->exists = true;
        status = create(&disk, path, REGULAR);
    } else if (choice < 48) {
        uint32_t offset = random_below(m->length + 1);
        status = fs_read(&disk, path, offset, bytes, &n);
        same = status != OK || (n == m->length - offset && !memcmp(bytes, m->bytes + offset, n));
    } else {
        status = random_write(m, path, &expected);
    }
    *full += status == NO_SPACE;
    return same && status == expected && free_blocks(&disk) == model_free_blocks();
}

static uint32_t check_random(void)
{
    uint32_t hash = 2166136261u;
    unsigned full = 0;
    bool ok = true;
    fs_format(&disk);
    create(&disk, "/dir", DIRECTORY);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = random_below(FILES);
        char path[] = {'/', 'd', 'i', 'r', '/', (char)('a' + i), '\0'};
        ok = random_step(&models[i], path, &full) && ok && (step % 32 != 0 || is_clean());
    }
    check(ok && full > 100 && is_clean(), "random", "steps");
    for (size_t i = 0; i < sizeof disk; i++)
        hash = (hash ^ disk.blocks[i / BLOCK_SIZE][i % BLOCK_SIZE]) * 16777619u;
    check(hash == UINT32_C(0xb9b2848a), "hash of", "the disk");
    return hash;
}

int main(void)
{
    check_steps();
    check_full();
    check_damage();
    uint32_t hash = check_random();
    if (failures > 0)
        return 1;
    printf("tinyfs: %u checks, disk %08" PRIx32 "\n", checks, hash);
    return 0;
}
