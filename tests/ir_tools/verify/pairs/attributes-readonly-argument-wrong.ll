; EXPECT: refuted
; To write is undefined behaviour.

define i32 @src(ptr readonly %p) {
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr readonly %p) {
  %v = load i32, ptr %p
  store i32 %v, ptr %p
  ret i32 %v
}
