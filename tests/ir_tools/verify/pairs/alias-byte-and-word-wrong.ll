; EXPECT: refuted
; A word may cover the byte whatever the types are.

define i8 @src(ptr %p, ptr %q) {
  store i8 1, ptr %p
  store i32 0, ptr %q
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt(ptr %p, ptr %q) {
  store i8 1, ptr %p
  store i32 0, ptr %q
  ret i8 1
}
