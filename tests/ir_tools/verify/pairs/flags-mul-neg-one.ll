; EXPECT: correct
; Both are poison for the least number alone.

define i8 @src(i8 %a) {
  %r = mul nsw i8 %a, -1
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = sub nsw i8 0, %a
  ret i8 %r
}
