; EXPECT: refuted
; The flag was promised of x alone.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  br i1 %c, label %t, label %e
t:
  %a = add nsw i32 %x, 1
  br label %e
e:
  %p = phi i32 [ %a, %t ], [ %y, %0 ]
  ret i32 %p
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  %s = select i1 %c, i32 %x, i32 %y
  %i = zext i1 %c to i32
  %p = add nuw i32 %s, %i
  ret i32 %p
}
