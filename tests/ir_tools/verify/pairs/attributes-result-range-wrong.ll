; EXPECT: refuted
; Seven is among them.

define i8 @src(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}

define range(i8 0, 7) i8 @tgt(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}
