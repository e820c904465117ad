; EXPECT: refuted
; With the attribute something may be at address zero.

define i32 @src(ptr %p) null_pointer_is_valid {
  %v = load i32, ptr %p
  %c = icmp eq ptr %p, null
  %r = select i1 %c, i32 1, i32 2
  ret i32 %r
}

define i32 @tgt(ptr %p) null_pointer_is_valid {
  %v = load i32, ptr %p
  ret i32 2
}
