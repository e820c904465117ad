; EXPECT: correct
; A comparison with zero asks the same.

define i1 @src(float %x) {
  %r = fcmp uno float %x, %x
  ret i1 %r
}

define i1 @tgt(float %x) {
  %r = fcmp uno float %x, 0.0
  ret i1 %r
}
