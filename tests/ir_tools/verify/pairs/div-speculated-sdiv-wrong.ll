; EXPECT: refuted
; The least number divided by minus one is undefined behaviour.

define i32 @src(i1 %c, i32 %a) {
  br i1 %c, label %t, label %e
t:
  %d = sdiv i32 %a, -1
  br label %e
e:
  %r = phi i32 [ %d, %t ], [ 0, %0 ]
  ret i32 %r
}

define i32 @tgt(i1 %c, i32 %a) {
  %d = sdiv i32 %a, -1
  %r = select i1 %c, i32 %d, i32 0
  ret i32 %r
}
