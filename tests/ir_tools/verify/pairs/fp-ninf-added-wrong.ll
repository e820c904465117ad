; EXPECT: refuted
; ninf makes an infinite sum poison.

define float @src(float %x, float %y) {
  %r = fadd float %x, %y
  ret float %r
}

define float @tgt(float %x, float %y) {
  %r = fadd ninf float %x, %y
  ret float %r
}
