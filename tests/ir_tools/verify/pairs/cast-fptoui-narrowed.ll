; EXPECT: correct
; A signed wide one covers all that the unsigned one does.

define i8 @src(float %a) {
  %i = fptoui float %a to i32
  %r = trunc i32 %i to i8
  ret i8 %r
}

define i8 @tgt(float %a) {
  %i = fptosi float %a to i64
  %r = trunc i64 %i to i8
  ret i8 %r
}
