; EXPECT: correct
; NaN is excluded (of infinities too), and signs do not matter.

define float @src(float %x) {
  %r = fmul nnan nsz float %x, 0.0
  ret float %r
}

define float @tgt(float %x) {
  ret float 0.0
}
