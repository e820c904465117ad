; EXPECT: correct
; A frozen argument is the same twice.

define i32 @src(i32 %x) {
  %r = shl i32 %x, 1
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %f = freeze i32 %x
  %r = add i32 %f, %f
  ret i32 %r
}
