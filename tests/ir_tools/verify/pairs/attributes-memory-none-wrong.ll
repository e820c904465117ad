; EXPECT: refuted
; A function that reads nothing may not load.

define i32 @src(ptr %p) {
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p) memory(none) {
  %v = load i32, ptr %p
  ret i32 %v
}
