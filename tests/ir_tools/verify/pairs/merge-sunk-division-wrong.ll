; EXPECT: refuted
; Both divisions are carried out.

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
  %a = udiv i32 %x, %y
  %b = udiv i32 %y, %x
  %r = select i1 %c, i32 %a, i32 %b
  ret i32 %r
}
