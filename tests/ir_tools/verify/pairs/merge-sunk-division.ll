; EXPECT: correct
; Operands are chosen before the division.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  br i1 %c, label %t, label %e
t:
  %a = udiv i32 %x, %y
  ret i32 %a
e:
  %b = udiv i32 %y, %x
  ret i32 %b
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  %n = select i1 %c, i32 %x, i32 %y
  %d = select i1 %c, i32 %y, i32 %x
  %r = udiv i32 %n, %d
  ret i32 %r
}
