; EXPECT: refuted
; Of zero, plus zero less x is another zero.

define float @src(float %x) {
  %r = fsub float -0.0, %x
  ret float %r
}

define float @tgt(float %x) {
  %r = fsub float 0.0, %x
  ret float %r
}
