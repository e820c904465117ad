; EXPECT: refuted
; The test for null keeps the load from being reached.

define i32 @src(ptr %p) {
  %c = icmp eq ptr %p, null
  %v = load i32, ptr %p
  %r = select i1 %c, i32 0, i32 %v
  ret i32 %r
}

define i32 @tgt(ptr %p) {
  %c = icmp eq ptr %p, null
  br i1 %c, label %n, label %l
n:
  ret i32 0
l:
  %v = load i32, ptr %p
  %w = add i32 %v, 1
  ret i32 %w
}
