; EXPECT: correct
; A branch in place of the select.

define {i8, i8} @src(i1 %c, {i8, i8} %p, {i8, i8} %q) {
  %f = freeze i1 %c
  %r = select i1 %f, {i8, i8} %p, {i8, i8} %q
  ret {i8, i8} %r
}

define {i8, i8} @tgt(i1 %c, {i8, i8} %p, {i8, i8} %q) {
  %f = freeze i1 %c
  br i1 %f, label %t, label %e
t:
  ret {i8, i8} %p
e:
  ret {i8, i8} %q
}
