; EXPECT: correct
; What is left after the remainder.

define i8 @src(i8 %a) {
  %d = udiv i8 %a, 6
  %r = mul i8 %d, 6
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %f = freeze i8 %a
  %m = urem i8 %f, 6
  %r = sub i8 %f, %m
  ret i8 %r
}
