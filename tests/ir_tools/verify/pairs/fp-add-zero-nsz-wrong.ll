; EXPECT: refuted
; nnan was not promised.

define float @src(float %x) {
  %r = fadd nsz float %x, 0.0
  ret float %r
}

define float @tgt(float %x) {
  %r = fadd nnan float %x, 0.0
  ret float %r
}
