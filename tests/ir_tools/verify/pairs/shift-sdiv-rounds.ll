; EXPECT: correct
; A bias makes the shift round toward zero.

define i32 @src(i32 %a) {
  %r = sdiv i32 %a, 8
  ret i32 %r
}

define i32 @tgt(i32 %a) {
  %f = freeze i32 %a
  %s = ashr i32 %f, 31
  %b = lshr i32 %s, 29
  %t = add i32 %f, %b
  %r = ashr i32 %t, 3
  ret i32 %r
}
