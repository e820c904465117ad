; EXPECT: refuted
; And so it is not two.

define i32 @src(ptr %p) {
  %a = alloca i32
  store i32 1, ptr %a
  store i32 2, ptr %p
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  store i32 2, ptr %p
  ret i32 2
}
