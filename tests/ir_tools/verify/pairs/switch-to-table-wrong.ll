; EXPECT: refuted
; The comparison has to be unsigned.

define i32 @src(i32 %x) {
  switch i32 %x, label %d [
  i32 0, label %a
  i32 1, label %b
  i32 2, label %c
]
a:
  ret i32 7
b:
  ret i32 9
c:
  ret i32 11
d:
  ret i32 0
}

define i32 @tgt(i32 %x) {
  %in = icmp slt i32 %x, 3
  br i1 %in, label %t, label %d
t:
  %m = shl i32 %x, 1
  %r = add i32 %m, 7
  ret i32 %r
d:
  ret i32 0
}
