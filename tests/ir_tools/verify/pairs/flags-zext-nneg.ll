; EXPECT: correct
; A number that is not negative extends either way.

define i32 @src(i8 %a) {
  %r = zext nneg i8 %a to i32
  ret i32 %r
}

define i32 @tgt(i8 %a) {
  %r = sext i8 %a to i32
  ret i32 %r
}
