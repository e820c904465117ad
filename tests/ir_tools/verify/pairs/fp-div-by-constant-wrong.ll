; EXPECT: refuted
; That of three is not.

define float @src(float %x) {
  %r = fdiv float %x, 4.0
  ret float %r
}

define float @tgt(float %x) {
  %t = fmul float %x, 3.0
  %r = fdiv float %t, 12.0
  ret float %r
}
