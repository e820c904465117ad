; EXPECT: refuted
; The narrow conversion of 256.0 is poison.

define i8 @src(float %a) {
  %i = fptoui float %a to i32
  %r = trunc i32 %i to i8
  ret i8 %r
}

define i8 @tgt(float %a) {
  %r = fptoui float %a to i8
  ret i8 %r
}
