; EXPECT: correct
; Extension by shifts.

define i32 @src(i8 %a) {
  %r = sext i8 %a to i32
  ret i32 %r
}

define i32 @tgt(i8 %a) {
  %z = zext i8 %a to i32
  %s = shl i32 %z, 24
  %r = ashr exact i32 %s, 24
  ret i32 %r
}
