; EXPECT: refuted
; The mask is one bit too wide.

define i32 @src(i32 %a, i32 %n) {
  %p = shl i32 1, %n
  %r = urem i32 %a, %p
  ret i32 %r
}

define i32 @tgt(i32 %a, i32 %n) {
  %p = shl i32 2, %n
  %m = add i32 %p, -1
  %r = and i32 %a, %m
  ret i32 %r
}
