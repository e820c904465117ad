// For targets without a C library here: no headers, nothing to run.
struct node { const char *name; int (*visit)(const struct node *, int); struct node *next; };
static int count;
int shared = 5;
static int leaf(const struct node *n, int depth) { count += depth; return n->name[0]; }
static int walk(const struct node *n, int depth) {
  int sum = 0;
  for (; n; n = n->next) sum += n->visit ? n->visit(n, depth + 1) : walk(n->next, depth);
  return sum + shared;
}
static struct node last = {"last", leaf, 0};
static struct node first = {"first", walk, &last};
static const short factors[] = {1, 10, 100};
__attribute__((weak)) int scale(int x) { return factors[x % 3]; }
inline __attribute__((always_inline)) static int clamp(int x) { return x < 0 ? 0 : x; }
struct complex { float real, imaginary; };
struct vector { float x, y; };
struct vector scaled(struct vector v, float by) { v.x *= by; v.y *= by; return v; }
struct complex conjugate(struct complex c) { c.imaginary = -c.imaginary; return c; }
float length(struct vector v) { v = scaled(v, 2); return v.x * v.x + v.y * v.y; }
int entry(int depth) { return clamp(walk(&first, depth)) * scale(depth) + count; }
