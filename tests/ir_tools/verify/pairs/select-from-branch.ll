; EXPECT: correct
; A select is defined more often.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  br i1 %c, label %t, label %e
t:
  ret i32 %x
e:
  ret i32 %y
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  %r = select i1 %c, i32 %x, i32 %y
  ret i32 %r
}
