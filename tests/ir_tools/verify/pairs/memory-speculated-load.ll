; EXPECT: correct
; A load that is needed later anyway.

define i32 @src(i1 %c, ptr %p) {
  br i1 %c, label %t, label %e
t:
  %v = load i32, ptr %p
  br label %e
e:
  %r = phi i32 [ %v, %t ], [ 0, %0 ]
  ret i32 %r
}

define i32 @tgt(i1 %c, ptr %p) {
  br i1 %c, label %t, label %e
t:
  %v = load i32, ptr %p
  ret i32 %v
e:
  ret i32 0
}
