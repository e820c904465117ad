; EXPECT: refuted
; The argument may be poison.

define i8 @src(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}

define noundef i8 @tgt(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}
