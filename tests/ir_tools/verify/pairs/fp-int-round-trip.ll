; EXPECT: correct
; The very same.

define i32 @src(i32 %x) {
  %f = sitofp i32 %x to float
  %r = fptosi float %f to i32
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %f = sitofp i32 %x to float
  %r = fptosi float %f to i32
  %n = add i32 %r, 0
  ret i32 %n
}
