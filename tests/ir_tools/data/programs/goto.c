#include <stdio.h>
static int step(int x) { return x + 1; }
static int run(const char *p) {
  static const void *const labels[] = {&&plus, &&minus, &&print, &&halt};
  int x = 0;
  for (;;) {
    goto *labels[*p == '+' ? 0 : *p == '-' ? 1 : *p == '.' ? 2 : 3];
  plus: x = step(x); p++; continue;
  minus: x--; p++; continue;
  print: printf("%d\n", x); p++; continue;
  halt: return x;
  }
}
static int choose(int n) {
  void *next = n > 2 ? &&big : &&small;
  goto *next;
big: return step(n);
small: return n;
}
int main(void) { return run("++-+.h") + choose(3) * 4 + choose(1); }
