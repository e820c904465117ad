; EXPECT: correct
; A mask.

define i32 @src(i32 %a) {
  %t = trunc i32 %a to i8
  %r = zext i8 %t to i32
  ret i32 %r
}

define i32 @tgt(i32 %a) {
  %r = and i32 %a, 255
  ret i32 %r
}
