; EXPECT: correct
; The wider conversion is defined more often.

define i8 @src(float %a) {
  %i = fptosi float %a to i8
  ret i8 %i
}

define i8 @tgt(float %a) {
  %i = fptosi float %a to i32
  %r = trunc i32 %i to i8
  ret i8 %r
}
