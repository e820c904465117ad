; EXPECT: correct
; Minimum commutes.

define float @src(float %x, float %y) {
  %r = call float @llvm.minimum.f32(float %x, float %y)
  ret float %r
}

define float @tgt(float %x, float %y) {
  %r = call float @llvm.minimum.f32(float %y, float %x)
  ret float %r
}
