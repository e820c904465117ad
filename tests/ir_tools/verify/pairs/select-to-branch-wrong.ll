; EXPECT: refuted
; A branch on a poison condition is undefined behaviour, a select is not.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  %r = select i1 %c, i32 %x, i32 %y
  ret i32 %r
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  br i1 %c, label %t, label %e
t:
  ret i32 %x
e:
  ret i32 %y
}
