; EXPECT: refuted
; Minus zero and plus zero make plus zero.

define float @src(float %x) {
  %r = fadd float %x, 0.0
  ret float %r
}

define float @tgt(float %x) {
  ret float %x
}
