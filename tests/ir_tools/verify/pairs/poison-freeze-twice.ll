; EXPECT: correct
; A frozen value is the same at each use.

define i32 @src(i32 %x) {
  %f = freeze i32 %x
  %r = sub i32 %f, %f
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  ret i32 0
}
