; EXPECT: correct
; It does or it does not.

define i8 @src(ptr %p, ptr %q) {
  store i8 1, ptr %p
  store i32 0, ptr %q
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt(ptr %p, ptr %q) {
  store i8 1, ptr %p
  store i32 0, ptr %q
  %v = load i8, ptr %p
  %w = and i8 %v, 1
  ret i8 %w
}
