; EXPECT: correct
; Nothing changes a constant.
@c = constant i32 5

define i32 @src(ptr %p) {
  store i32 1, ptr %p
  %v = load i32, ptr @c
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  store i32 1, ptr %p
  ret i32 5
}
