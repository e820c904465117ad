; EXPECT: refuted
; The division is carried out where c is false too, and b may be zero.

define i32 @src(i1 %c, i32 %a, i32 %b) {
  br i1 %c, label %t, label %e
t:
  %d = udiv i32 %a, %b
  br label %e
e:
  %r = phi i32 [ %d, %t ], [ 0, %0 ]
  ret i32 %r
}

define i32 @tgt(i1 %c, i32 %a, i32 %b) {
  %d = udiv i32 %a, %b
  %r = select i1 %c, i32 %d, i32 0
  ret i32 %r
}
