; EXPECT: correct
; Multiplication commutes.

define float @src(float %x) {
  %r = fmul float %x, 0.0
  ret float %r
}

define float @tgt(float %x) {
  %r = fmul float 0.0, %x
  ret float %r
}
