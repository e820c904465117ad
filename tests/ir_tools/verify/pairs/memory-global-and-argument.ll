; EXPECT: correct
; The very same value.
@g = global i32 5

define i32 @src(ptr %p) {
  store i32 7, ptr @g
  store i32 1, ptr %p
  %v = load i32, ptr @g
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  store i32 7, ptr @g
  store i32 1, ptr %p
  %v = load i32, ptr @g
  %w = or i32 %v, 0
  ret i32 %w
}
