; EXPECT: refuted
; A product that may wrap cannot be divided back.

define i8 @src(i8 %a, i8 %b) {
  %m = mul nuw i8 %a, %b
  %r = udiv i8 %m, %b
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %b) {
  %m = mul i8 %a, %b
  %s = shl i8 %m, 1
  %t = lshr i8 %s, 1
  %r = udiv i8 %t, %b
  ret i8 %r
}
