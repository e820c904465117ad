; EXPECT: refuted
; NaN is not equal to itself.

define i1 @src(float %x) {
  %r = fcmp uno float %x, %x
  ret i1 %r
}

define i1 @tgt(float %x) {
  %r = fcmp oeq float %x, %x
  ret i1 %r
}
