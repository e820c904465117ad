; EXPECT: refuted
; The number is negated on its way.

define i8 @src(float %a) {
  %i = fptosi float %a to i8
  ret i8 %i
}

define i8 @tgt(float %a) {
  %i = fptosi float %a to i32
  %n = sub i32 0, %i
  %r = trunc i32 %n to i8
  ret i8 %r
}
