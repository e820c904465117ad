/*
 * btree: an ordered map from 32-bit keys to 32-bit values, kept in a B-tree.
 *
 * Nodes come from a fixed pool, as on a small device; an insertion that might run out of nodes
 * is refused before it changes anything. Splits and merges happen on the way down, so no parent
 * links are needed. Random operations are compared with a plain array, and with the outcome of
 * the same operations in another program.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    DEGREE = 4, /* every node but the root has at least DEGREE - 1 keys */
    MAX_KEYS = 2 * DEGREE - 1,
    POOL_SIZE = 512,
    MAX_HEIGHT = 8,
};

enum status { OK, REPLACED, NOT_FOUND, NO_ROOM };

struct node {
    unsigned count;
    bool leaf;
    uint32_t keys[MAX_KEYS], values[MAX_KEYS];
    struct node *children[MAX_KEYS + 1]; /* child i holds the keys before key i */
};

struct map {
    struct node pool[POOL_SIZE];
    struct node *free_list; /* linked by children[0] */
    struct node *root;
    unsigned size, free_count, height;
};

static struct node *take_node(struct map *m, bool leaf)
{
    struct node *n = m->free_list;
    m->free_list = n->children[0];
    m->free_count--;
    n->count = 0;
    n->leaf = leaf;
    return n;
}

static void give_node(struct map *m, struct node *n)
{
    n->children[0] = m->free_list;
    m->free_list = n;
    m->free_count++;
}

static void map_init(struct map *m)
{
    m->free_list = NULL;
    m->size = m->free_count = 0;
    m->height = 1;
    for (unsigned i = POOL_SIZE; i > 0; i--)
        give_node(m, &m->pool[i - 1]);
    m->root = take_node(m, true);
}

/* The index of the first key that is not less. */
static unsigned lower_bound(const struct node *n, uint32_t key)
{
    unsigned low = 0, high = n->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (n->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_key(const struct node *n, unsigned i, uint32_t key)
{
    return i < n->count && n->keys[i] == key;
}

static void copy_entry(struct node *to, unsigned i, const struct node *from, unsigned j)
{
    to->keys[i] = from->keys[j];
    to->values[i] = from->values[j];
}

/* Moves entries from i on, and the children from child on, by one place up. */
static void open_gap(struct node *n, unsigned i, unsigned child)
{
    for (unsigned k = n->count; k > i; k--)
        copy_entry(n, k, n, k - 1);
    for (unsigned k = n->count + 1; k > child && !n->leaf; k--)
        n->children[k] = n->children[k - 1];
    n->count++;
}

static void close_gap(struct node *n, unsigned i, unsigned child)
{
    n->count--;
    for (unsigned k = i; k < n->count; k++)
        copy_entry(n, k, n, k + 1);
    for (unsigned k = child; k <= n->count && !n->leaf; k++)
        n->children[k] = n->children[k + 1];
}

static uint32_t *find(const struct map *m, uint32_t key)
{
    struct node *n = m->root;
    for (;;) {
        unsigned i = lower_bound(n, key);
        if (has_key(n, i, key))
            return &n->values[i];
        if (n->leaf)
            return NULL;
        n = n->children[i];
    }
}

/* Splits the full child i; its middle key moves up between the halves. */
static void split_child(struct map *m, struct node *parent, unsigned i)
{
    struct node *left = parent->children[i], *right = take_node(m, left->leaf);
    for (unsigned k = DEGREE; k < MAX_KEYS; k++)
        copy_entry(right, right->count++, left, k);
    for (unsigned k = 0; k < DEGREE && !left->leaf; k++)
        right->children[k] = left->children[k + DEGREE];
    left->count = DEGREE - 1;
    open_gap(parent, i, i + 1);
    copy_entry(parent, i, left, DEGREE - 1);
    parent->children[i + 1] = right;
}

static void grow_root(struct map *m)
{
    struct node *old = m->root;
    m->root = take_node(m, false);
    m->root->children[0] = old;
    m->height++;
    split_child(m, m->root, 0);
}

static enum status insert(struct map *m, uint32_t key, uint32_t value)
{
    uint32_t *found = find(m, key);
    if (found != NULL) {
        *found = value;
        return REPLACED;
    }
    if (m->free_count < m->height + 1 || m->height == MAX_HEIGHT)
        return NO_ROOM;
    if (m->root->count == MAX_KEYS)
        grow_root(m);
    struct node *n = m->root;
    unsigned i = lower_bound(n, key);
    while (!n->leaf) {
        if (n->children[i]->count == MAX_KEYS) {
            split_child(m, n, i);
            i += n->keys[i] < key;
        }
        n = n->children[i];
        i = lower_bound(n, key);
    }
    open_gap(n, i, i);
    n->keys[i] = key;
    n->values[i] = value;
    m->size++;
    return OK;
}

/* Appends key i and child i + 1 to child i. */
static struct node *merge_children(struct map *m, struct node *parent, unsigned i)
{
    struct node *left = parent->children[i], *right = parent->children[i + 1];
    copy_entry(left, left->count++, parent, i);
    for (unsigned k = 0; k <= right->count && !right->leaf; k++)
        left->children[left->count + k] = right->children[k];
    for (unsigned k = 0; k < right->count; k++)
        copy_entry(left, left->count++, right, k);
    close_gap(parent, i, i + 1);
    give_node(m, right);
    return left;
}

/* The last key of child i moves up, the key between moves down to child i + 1. */
static void rotate_right(struct node *parent, unsigned i)
{
    struct node *left = parent->children[i], *right = parent->children[i + 1];
    open_gap(right, 0, 0);
    copy_entry(right, 0, parent, i);
    copy_entry(parent, i, left, left->count - 1);
    if (!left->leaf)
        right->children[0] = left->children[left->count];
    left->count--;
}

static void rotate_left(struct node *parent, unsigned i)
{
    struct node *left = parent->children[i], *right = parent->children[i + 1];
    copy_entry(left, left->count++, parent, i);
    copy_entry(parent, i, right, 0);
    if (!left->leaf)
        left->children[left->count] = right->children[0];
    close_gap(right, 0, 0);
}

/* Child i, or what it was merged into, with at least DEGREE keys. */
static struct node *rich_child(struct map *m, struct node *n, unsigned i)
{
    if (n->children[i]->count >= DEGREE)
        return n->children[i];
    if (i > 0 && n->children[i - 1]->count >= DEGREE) {
        rotate_right(n, i - 1);
        return n->children[i];
    }
    if (i < n->count && n->children[i + 1]->count >= DEGREE) {
        rotate_left(n, i);
        return n->children[i];
    }
    return merge_children(m, n, i < n->count ? i : i - 1);
}

/* Puts a neighbour from below in the place of key i, or moves that key down by a merge. Returns
   the child that now holds the key to erase. */
static struct node *push_down(struct map *m, struct node *n, unsigned i, uint32_t *key)
{
    struct node *left = n->children[i], *right = n->children[i + 1], *from;
    if (left->count >= DEGREE) {
        for (from = left; !from->leaf;)
            from = from->children[from->count];
        copy_entry(n, i, from, from->count - 1);
        *key = n->keys[i];
        return left;
    }
    if (right->count >= DEGREE) {
        for (from = right; !from->leaf;)
            from = from->children[0];
        copy_entry(n, i, from, 0);
        *key = n->keys[i];
        return right;
    }
    return merge_children(m, n, i);
}

static enum status erase(struct map *m, uint32_t key)
{
    if (find(m, key) == NULL)
        return NOT_FOUND;
    struct node *n = m->root;
    unsigned i = lower_bound(n, key);
    while (!n->leaf) {
        n = has_key(n, i, key) ? push_down(m, n, i, &key) : rich_child(m, n, i);
        i = lower_bound(n, key);
    }
    close_gap(n, i, i);
    if (m->root->count == 0 && !m->root->leaf) {
        struct node *old = m->root;
        m->root = old->children[0];
        m->height--;
        give_node(m, old);
    }
    m->size--;
    return OK;
}

/* A place in the order of keys. */
struct cursor {
    const struct node *nodes[MAX_HEIGHT];
    unsigned at[MAX_HEIGHT];
    unsigned depth; /* 0 at the end */
};

static void leave_finished(struct cursor *c)
{
    while (c->depth > 0 && c->at[c->depth - 1] == c->nodes[c->depth - 1]->count)
        c->depth--;
}

/* Goes to the first key that is not less. */
static void seek(struct cursor *c, const struct map *m, uint32_t key)
{
    const struct node *n = m->root;
    for (c->depth = 0;;) {
        unsigned i = lower_bound(n, key);
        c->nodes[c->depth] = n;
        c->at[c->depth++] = i;
        if (n->leaf || has_key(n, i, key))
            break;
        n = n->children[i];
    }
    leave_finished(c);
}

static bool read(const struct cursor *c, uint32_t *key, uint32_t *value)
{
    if (c->depth == 0)
        return false;
    const struct node *n = c->nodes[c->depth - 1];
    *key = n->keys[c->at[c->depth - 1]];
    *value = n->values[c->at[c->depth - 1]];
    return true;
}

static void next(struct cursor *c)
{
    const struct node *n = c->nodes[c->depth - 1];
    unsigned i = ++c->at[c->depth - 1];
    while (!n->leaf) {
        n = n->children[i];
        i = 0;
        c->nodes[c->depth] = n;
        c->at[c->depth++] = 0;
    }
    leave_finished(c);
}

static uint32_t sum_range(const struct map *m, uint32_t first, uint32_t last)
{
    struct cursor c;
    uint32_t key, value, sum = 0;
    for (seek(&c, m, first); read(&c, &key, &value) && key <= last; next(&c))
        sum += value;
    return sum;
}

struct census {
    unsigned keys, nodes, leaf_level;
    bool ordered, filled, level;
    uint32_t smallest; /* the next key must not be less */
};

static void count_subtree(const struct node *n, unsigned level, bool root, struct census *c)
{
    c->nodes++;
    if (n->count > MAX_KEYS || (!root && n->count < DEGREE - 1) || (root && !n->leaf && !n->count))
        c->filled = false;
    if (n->leaf && level != c->leaf_level)
        c->level = false;
    for (unsigned i = 0; i <= n->count && c->filled; i++) {
        if (!n->leaf)
            count_subtree(n->children[i], level + 1, false, c);
        if (i == n->count)
            break;
        if (n->keys[i] < c->smallest)
            c->ordered = false;
        c->smallest = n->keys[i] + 1;
        c->keys++;
    }
}

static bool is_sound(const struct map *m)
{
    struct census c = {.leaf_level = m->height, .ordered = true, .filled = true, .level = true};
    count_subtree(m->root, 1, true, &c);
    return c.ordered && c.filled && c.level && c.keys == m->size &&
           c.nodes + m->free_count == POOL_SIZE;
}

enum { KEYS = 700, STEPS = 30000 };

static unsigned checks, failures;
static struct map map;

static void check(bool ok, const char *what)
{
    checks++;
    failures += !ok;
    if (!ok)
        printf("btree: FAILED %s\n", what);
}

static uint32_t random32(void)
{
    static uint32_t x = 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* Inserts start, start + step ... modulo KEYS + 1, which is prime, and erases by another step. */
static void check_order(uint32_t insert_step, uint32_t erase_step, const char *name)
{
    bool ok = true;
    uint32_t key = 0;
    map_init(&map);
    for (unsigned i = 0; i < KEYS; i++) {
        key = (key + insert_step) % (KEYS + 1);
        ok = ok && insert(&map, key, key * key) == OK && is_sound(&map);
    }
    check(ok && map.size == KEYS, name);
    check(sum_range(&map, 0, UINT32_MAX) == 114578450, "sum of squares");
    check(sum_range(&map, 10, 12) == 365 && sum_range(&map, 12, 10) == 0, "short ranges");
    check(sum_range(&map, 701, UINT32_MAX) == 0, "range beyond the end");
    key = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        key = (key + erase_step) % (KEYS + 1);
        ok = ok && erase(&map, key) == OK && is_sound(&map);
    }
    check(ok && map.size == 0 && map.height == 1, "erasing everything");
    check(erase(&map, 1) == NOT_FOUND && find(&map, 1) == NULL, "empty map");
}

static void check_full(void)
{
    uint32_t key = 0;
    map_init(&map);
    while (insert(&map, key, ~key) == OK)
        key++;
    check(key == map.size && map.free_count == map.height, "filling the pool");
    check(key >= (POOL_SIZE - map.free_count) * (DEGREE - 1), "filling the nodes");
    check(is_sound(&map) && find(&map, key) == NULL, "refused insertion");
    check(insert(&map, 5, 55) == REPLACED && *find(&map, 5) == 55, "replacing when full");
    for (uint32_t k = 0; k < key; k += 2)
        erase(&map, k);
    check(is_sound(&map) && map.size == key / 2, "erasing every other key");
    check(insert(&map, key, 7) == OK && *find(&map, key) == 7, "room again");
}

struct reference { bool present[KEYS]; uint32_t values[KEYS]; };

static bool same_contents(const struct map *m, const struct reference *r)
{
    struct cursor c;
    uint32_t key, value;
    seek(&c, m, 0);
    for (uint32_t k = 0; k < KEYS; k++) {
        if (!r->present[k])
            continue;
        if (!read(&c, &key, &value) || key != k || value != r->values[k])
            return false;
        next(&c);
    }
    return !read(&c, &key, &value);
}

static enum status reference_insert(struct reference *r, uint32_t key, uint32_t value)
{
    enum status status = r->present[key] ? REPLACED : OK;
    r->present[key] = true;
    r->values[key] = value;
    return status;
}

static enum status reference_erase(struct reference *r, uint32_t key)
{
    enum status status = r->present[key] ? OK : NOT_FOUND;
    r->present[key] = false;
    return status;
}

static void check_random(void)
{
    static struct reference r;
    unsigned outcomes[2][4] = {{0}};
    bool same = true, sound = true;
    map_init(&map);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t random = random32(), key = random % KEYS, value = random32();
        bool grow = (random >> 16) % 16 < (step / 4000 % 2 ? 6 : 10); /* waves */
        enum status status = grow ? insert(&map, key, value) : erase(&map, key);
        enum status expected = grow ? reference_insert(&r, key, value) : reference_erase(&r, key);
        uint32_t *found = find(&map, key);
        same = same && status == expected && (grow ? found && *found == value : found == NULL);
        outcomes[grow][status]++;
        sound = sound && (step % 16 != 0 || is_sound(&map));
        same = same && (step % 256 != 0 || same_contents(&map, &r));
    }
    check(same && same_contents(&map, &r), "same as the array");
    check(sound, "invariants");
    check(map.size == 267 && sum_range(&map, 0, KEYS) == 3214622466u, "final contents");
    check(outcomes[1][OK] == 7288 && outcomes[1][REPLACED] == 8094, "insertions");
    check(outcomes[0][OK] == 7021 && outcomes[0][NOT_FOUND] == 7597, "erasures");
}

int main(void)
{
    check_order(1, 1, "ascending order");
    check_order(KEYS, 1, "descending order");
    check_order(271, 600, "mixed order");
    check_order(350, 97, "alternating order");
    check_full();
    check_random();
    if (failures > 0)
        return 1;
    printf("btree: %u checks, sum %08" PRIx32 "\n", checks, sum_range(&map, 0, KEYS));
    return 0;
}
