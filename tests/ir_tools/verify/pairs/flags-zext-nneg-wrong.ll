; EXPECT: refuted
; To promise nneg where nothing did.

define i32 @src(i8 %a) {
  %r = zext nneg i8 %a to i32
  ret i32 %r
}

define i32 @tgt(i8 %a) {
  %z = sext i8 %a to i32
  %t = trunc i32 %z to i8
  %s = sub i8 0, %t
  %r = zext nneg i8 %s to i32
  ret i32 %r
}
