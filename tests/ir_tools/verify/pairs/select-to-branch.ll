; EXPECT: correct
; A frozen condition may be branched on.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  %r = select i1 %c, i32 %x, i32 %y
  ret i32 %r
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  %f = freeze i1 %c
  br i1 %f, label %t, label %e
t:
  ret i32 %x
e:
  ret i32 %y
}
