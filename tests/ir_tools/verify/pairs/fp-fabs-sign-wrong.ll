; EXPECT: refuted
; A comparison with zero does not see a NaN's sign.

define i32 @src(float %x) {
  %a = call float @llvm.fabs.f32(float %x)
  %r = bitcast float %a to i32
  ret i32 %r
}

define i32 @tgt(float %x) {
  %c = fcmp olt float %x, 0.0
  %n = fneg float %x
  %s = select i1 %c, float %n, float %x
  %r = bitcast float %s to i32
  ret i32 %r
}
