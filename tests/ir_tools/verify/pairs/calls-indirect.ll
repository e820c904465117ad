; EXPECT: correct
; A pointer chosen from itself.

define i32 @src(ptr %f, i32 %x) {
  %r = call i32 %f(i32 %x)
  ret i32 %r
}

define i32 @tgt(ptr %f, i32 %x) {
  %c = icmp eq i32 %x, 0
  %d = freeze i1 %c
  %g = select i1 %d, ptr %f, ptr %f
  %r = call i32 %g(i32 %x)
  ret i32 %r
}
