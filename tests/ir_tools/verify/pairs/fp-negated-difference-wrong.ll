; EXPECT: refuted
; Where a and b are equal the sign of zero differs.

define float @src(float %a, float %b) {
  %d = fsub float %a, %b
  %r = fneg float %d
  ret float %r
}

define float @tgt(float %a, float %b) {
  %r = fsub float %b, %a
  ret float %r
}
