#include <stdio.h>
static const char *name(int x) {
  switch (x) {
  case 0: return "zero"; case 1: return "one"; case 2: return "two";
  case 3: return "three"; case 4: return "four"; default: return "many";
  }
}
static int days(int x) {
  switch (x) {
  case 1: return 310; case 2: return 28; case 3: return 31; case 4: return 3007;
  case 5: return 19; case 6: return 300; default: return 0;
  }
}
static int weight(int x) {
  switch (x) {
  case 1: return 31; case 2: return 288; case 3: return 3; case 4: return 30;
  case 5: return 1; case 6: return 3; default: return 9;
  }
}
int main(void) {
  int sum = 0;
  for (int i = 0; i < 8; i++) sum += printf("%s %d %d\n", name(i), days(i), weight(i));
  return sum;
}
