#include <stdarg.h>
#include <stdio.h>
struct operation { const char *name; int (*apply)(int, int); };
struct point { int x, y; };
struct wide { long a, b, c; };
static const struct { short low, high; } spans[] = {{1, 2}, {3, 5}};
static int add(int a, int b) { return a + b; }
static int mul(int a, int b) { return a * b; }
static const struct operation operations[] = {{"add", add}, {"mul", mul}};
static int (*current)(int, int) = mul;
static int even(unsigned n), odd(unsigned n);
static int even(unsigned n) { return n == 0 || odd(n - 1); }
static int odd(unsigned n) { return n != 0 && even(n - 1); }
static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static int wasteful(int n, int unused) { return n ? wasteful(n - 1, n) : 4; }
static int next_id(void) { static int id = 40; return ++id; }
static int sum(int n, ...) {
  va_list list; int s = 0;
  va_start(list, n);
  while (n--) s += va_arg(list, int);
  va_end(list);
  return s;
}
static struct wide widen(struct point p, struct wide w) {
  w.a += p.x; w.b += p.y; w.c ^= w.a * w.b; return w;
}
static inline __attribute__((always_inline)) int inlined(int x) { return x * x + 1; }
static void report(const char *what) { printf("plain\n"); printf("%s\n", what); }
int main(void) {
  struct wide w = widen((struct point){1, 2}, (struct wide){3, 4, 5});
  for (unsigned i = 0; i < 2; i++)
    printf("%s %d\n", operations[i].name, operations[i].apply(spans[i].high, next_id()));
  current = current == mul ? add : mul;
  printf("%ld %ld %ld %d %u\n", w.a, w.b, w.c, even(10) + 2 * odd(7), fib(12));
  report("a literal");
  return current(3, 4) + sum(3, 1, 2, 3) + inlined(2) + wasteful(2, 9);
}
