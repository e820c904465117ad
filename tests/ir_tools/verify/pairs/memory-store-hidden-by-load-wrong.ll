; EXPECT: refuted
; q may be p, and then the first store is read.

define i32 @src(ptr %p, ptr %q) {
  store i32 1, ptr %p
  %v = load i32, ptr %q
  store i32 2, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p, ptr %q) {
  %v = load i32, ptr %q
  store i32 2, ptr %p
  ret i32 %v
}
