; EXPECT: correct
; The least number is its own negative, without the flag.

define i8 @src(i8 %a) {
  %r = sub nsw i8 %a, -128
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = add i8 %a, -128
  ret i8 %r
}
