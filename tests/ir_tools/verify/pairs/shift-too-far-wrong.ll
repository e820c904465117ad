; EXPECT: refuted
; Without the mask a shift by eight is poison.

define i8 @src(i8 %n) {
  %m = and i8 %n, 7
  %r = shl i8 1, %m
  ret i8 %r
}

define i8 @tgt(i8 %n) {
  %r = shl i8 1, %n
  ret i8 %r
}
