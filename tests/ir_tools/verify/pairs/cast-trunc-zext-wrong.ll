; EXPECT: refuted
; The sign is not extended.

define i32 @src(i32 %a) {
  %t = trunc i32 %a to i8
  %r = zext i8 %t to i32
  ret i32 %r
}

define i32 @tgt(i32 %a) {
  %s = shl i32 %a, 24
  %r = ashr i32 %s, 24
  ret i32 %r
}
