; EXPECT: correct
; A switch on what is frozen.

define i32 @src(i32 %x) {
  %z = icmp eq i32 %x, 0
  %r = select i1 %z, i32 5, i32 6
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %f = freeze i32 %x
  switch i32 %f, label %d [
  i32 0, label %a
]
a:
  ret i32 5
d:
  ret i32 6
}
