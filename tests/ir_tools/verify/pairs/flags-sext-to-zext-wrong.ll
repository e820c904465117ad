; EXPECT: refuted
; A negative number makes zext nneg poison.

define i32 @src(i8 %a) {
  %r = sext i8 %a to i32
  ret i32 %r
}

define i32 @tgt(i8 %a) {
  %r = zext nneg i8 %a to i32
  ret i32 %r
}
