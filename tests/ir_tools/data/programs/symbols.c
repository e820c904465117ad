#include <stdio.h>
#include <string.h>
__asm__(".globl from_assembly\nfrom_assembly:\n  leal 5(%rdi), %eax\n  ret\n");
int from_assembly(int);
static _Thread_local int calls = 3;
_Thread_local int total;
__attribute__((visibility("hidden"))) int hidden = 4;
int tentative;
__attribute__((used)) static const char banner[] = "kept by llvm.used";
static int started;
__attribute__((constructor)) static void start(void) { started += 7; }
__attribute__((destructor)) static void stop(void) { printf("stop %d\n", started); }
__attribute__((weak)) int weak(int x) { return x + started; }
__attribute__((section("hot"), minsize)) int sectioned(int x) {
  total += x; return total + calls++;
}
int aliased(int x) { return x * 3 + hidden; }
int alias(int x) __attribute__((alias("aliased")));
static int local_alias(int x) __attribute__((alias("aliased")));
extern int data_alias __attribute__((alias("hidden")));
static int twice(int x) { return x * 2; }
static int thrice(int x) { return x * 3; }
static int (*resolve(void))(int) { return &hidden == 0 ? thrice : twice; }
int indirect(int x) __attribute__((ifunc("resolve")));
int through(int x) { return alias(x) + local_alias(x + 1) + data_alias + indirect(x); }
int main(void) {
  printf("%d %d\n", through(3) + tentative, weak(from_assembly(sectioned(2))));
  return (sectioned(1) + (int)strlen(banner)) & 63;
}
