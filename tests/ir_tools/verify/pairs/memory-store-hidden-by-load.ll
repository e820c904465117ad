; EXPECT: correct
; A comparison that nobody asks for.

define i32 @src(ptr %p, ptr %q) {
  store i32 1, ptr %p
  %v = load i32, ptr %q
  store i32 2, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p, ptr %q) {
  %s = icmp eq ptr %p, %q
  store i32 1, ptr %p
  %v = load i32, ptr %q
  store i32 2, ptr %p
  ret i32 %v
}
