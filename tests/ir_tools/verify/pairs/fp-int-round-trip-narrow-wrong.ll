; EXPECT: refuted
; But not as an unsigned number.

define i16 @src(i16 %x) {
  %f = sitofp i16 %x to float
  %r = fptosi float %f to i16
  ret i16 %r
}

define i16 @tgt(i16 %x) {
  %f = uitofp i16 %x to float
  %r = fptosi float %f to i16
  ret i16 %r
}
