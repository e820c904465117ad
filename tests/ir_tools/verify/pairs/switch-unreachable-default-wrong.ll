; EXPECT: refuted
; Five for one.

define i32 @src(i32 %x) {
  switch i32 %x, label %d [
  i32 0, label %a
  i32 1, label %b
]
a:
  ret i32 5
b:
  ret i32 6
d:
  unreachable
}

define i32 @tgt(i32 %x) {
  %z = icmp eq i32 %x, 0
  %r = select i1 %z, i32 6, i32 5
  ret i32 %r
}
