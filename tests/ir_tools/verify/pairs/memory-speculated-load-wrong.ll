; EXPECT: refuted
; Where c is false p need not be dereferenceable.

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
  %v = load i32, ptr %p
  %r = select i1 %c, i32 %v, i32 0
  ret i32 %r
}
