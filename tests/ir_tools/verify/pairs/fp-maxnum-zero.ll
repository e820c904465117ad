; EXPECT: correct
; Maximum is idempotent.

define float @src(float %x) {
  %r = call float @llvm.maximum.f32(float %x, float 0.0)
  ret float %r
}

define float @tgt(float %x) {
  %m = call float @llvm.maximum.f32(float %x, float 0.0)
  %r = call float @llvm.maximum.f32(float %m, float 0.0)
  ret float %r
}
