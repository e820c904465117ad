; EXPECT: correct
; The sign bit is cleared, of a NaN too.

define i32 @src(float %x) {
  %a = call float @llvm.fabs.f32(float %x)
  %r = bitcast float %a to i32
  ret i32 %r
}

define i32 @tgt(float %x) {
  %b = bitcast float %x to i32
  %r = and i32 %b, 2147483647
  ret i32 %r
}
