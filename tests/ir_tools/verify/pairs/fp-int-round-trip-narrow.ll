; EXPECT: correct
; A float holds every integer of 16 bits.

define i16 @src(i16 %x) {
  %f = sitofp i16 %x to float
  %r = fptosi float %f to i16
  ret i16 %r
}

define i16 @tgt(i16 %x) {
  ret i16 %x
}
