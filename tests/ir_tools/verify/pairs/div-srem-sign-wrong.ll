; EXPECT: refuted
; The remainder of a negative number is negative.

define i8 @src(i8 %a) {
  %r = srem i8 %a, 4
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = and i8 %a, 3
  ret i8 %r
}
