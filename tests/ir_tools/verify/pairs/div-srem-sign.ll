; EXPECT: correct
; The sign of the divisor does not matter.

define i8 @src(i8 %a) {
  %r = srem i8 %a, 4
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = srem i8 %a, -4
  ret i8 %r
}
