; EXPECT: correct
; What was loaded from was not null.

define i32 @src(ptr %p) {
  %c = icmp eq ptr %p, null
  %v = load i32, ptr %p
  %r = select i1 %c, i32 0, i32 %v
  ret i32 %r
}

define i32 @tgt(ptr %p) {
  %v = load i32, ptr %p
  ret i32 %v
}
