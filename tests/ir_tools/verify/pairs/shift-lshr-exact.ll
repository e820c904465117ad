; EXPECT: correct
; Shifting there and back clears the low bits.

define i8 @src(i8 %a) {
  %s = lshr i8 %a, 3
  %r = shl i8 %s, 3
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = and i8 %a, -8
  ret i8 %r
}
