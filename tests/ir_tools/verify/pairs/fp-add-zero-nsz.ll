; EXPECT: correct
; The sign of a zero does not matter, and x stands for its quiet self.

define float @src(float %x) {
  %r = fadd nsz float %x, 0.0
  ret float %r
}

define float @tgt(float %x) {
  %r = fadd float %x, -0.0
  ret float %r
}
