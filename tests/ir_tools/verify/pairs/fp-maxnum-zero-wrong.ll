; EXPECT: refuted
; The select keeps minus zero.

define float @src(float %x) {
  %r = call float @llvm.maximum.f32(float %x, float 0.0)
  ret float %r
}

define float @tgt(float %x) {
  %c = fcmp olt float %x, 0.0
  %r = select i1 %c, float 0.0, float %x
  ret float %r
}
