; EXPECT: correct
; To read twice is not.

define i32 @src(ptr readonly %p) {
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr readonly %p) {
  %w = load i32, ptr %p
  %v = load i32, ptr %p
  ret i32 %v
}
