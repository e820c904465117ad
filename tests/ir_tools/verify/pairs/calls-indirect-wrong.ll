; EXPECT: refuted
; The callee sees another argument.

define i32 @src(ptr %f, i32 %x) {
  %r = call i32 %f(i32 %x)
  ret i32 %r
}

define i32 @tgt(ptr %f, i32 %x) {
  %y = or i32 %x, 1
  %r = call i32 %f(i32 %y)
  ret i32 %r
}
