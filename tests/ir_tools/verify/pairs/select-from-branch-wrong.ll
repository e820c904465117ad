; EXPECT: refuted
; Arithmetic on both arms is poison when either is.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  br i1 %c, label %t, label %e
t:
  ret i32 %x
e:
  ret i32 %y
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  %m = sext i1 %c to i32
  %n = xor i32 %m, -1
  %a = and i32 %x, %m
  %b = and i32 %y, %n
  %r = or i32 %a, %b
  ret i32 %r
}
