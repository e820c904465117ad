; EXPECT: refuted
; For a negative a the sum with -128 overflows while the difference does not.

define i8 @src(i8 %a) {
  %r = sub nsw i8 %a, -128
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = add nsw i8 %a, -128
  ret i8 %r
}
