; EXPECT: refuted
; And not anything.

define i32 @src() {
  %a = alloca i32
  %v = load i32, ptr %a
  %f = freeze i32 %v
  %r = sub i32 %f, %f
  ret i32 %r
}

define i32 @tgt() {
  %a = alloca i32
  %v = load i32, ptr %a
  ret i32 %v
}
