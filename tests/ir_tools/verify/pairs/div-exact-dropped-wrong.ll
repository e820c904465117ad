; EXPECT: refuted
; Only an exact division multiplies back.

define i8 @src(i8 %a) {
  %d = udiv i8 %a, 6
  %r = mul i8 %d, 6
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  ret i8 %a
}
