; EXPECT: correct
; A freeze of a value that is already frozen adds nothing.

define i32 @src(i32 %x) {
  %f = freeze i32 %x
  %r = and i32 %f, 1
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %f = freeze i32 %x
  %g = freeze i32 %f
  %r = and i32 %g, 1
  ret i32 %r
}
