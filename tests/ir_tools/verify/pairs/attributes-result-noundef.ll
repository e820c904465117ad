; EXPECT: correct
; Not if it is frozen.

define i8 @src(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}

define noundef i8 @tgt(i8 %x) {
  %f = freeze i8 %x
  %r = and i8 %f, 7
  ret i8 %r
}
