; EXPECT: correct
; Both arms are one.

define i32 @src(ptr %p) {
  %v = load i32, ptr %p, align 1
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  %v = load i32, ptr %p, align 1
  %i = ptrtoint ptr %p to i64
  %l = and i64 %i, 3
  %c = icmp eq i64 %l, 0
  %r = select i1 %c, i32 %v, i32 %v
  ret i32 %r
}
