; EXPECT: correct
; Without flags the sum is the same.

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
  br i1 %c, label %t, label %e
t:
  br label %e
e:
  %s = phi i32 [ %x, %t ], [ %y, %0 ]
  %i = phi i32 [ 1, %t ], [ 0, %0 ]
  %p = add i32 %s, %i
  ret i32 %p
}
