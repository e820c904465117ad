; EXPECT: correct
; Divided by something that is not zero if c is false.

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
  %f = freeze i32 %b
  %g = freeze i32 %a
  br i1 %c, label %t, label %e
t:
  %d = udiv i32 %a, %b
  br label %e
e:
  %r = phi i32 [ %d, %t ], [ 0, %0 ]
  ret i32 %r
}
