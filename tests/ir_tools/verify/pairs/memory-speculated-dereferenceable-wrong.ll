; EXPECT: refuted
; It does not promise eight.

define i32 @src(i1 %c, ptr dereferenceable(4) align 4 %p) {
  br i1 %c, label %t, label %e
t:
  %v = load i32, ptr %p
  br label %e
e:
  %r = phi i32 [ %v, %t ], [ 0, %0 ]
  ret i32 %r
}

define i32 @tgt(i1 %c, ptr dereferenceable(4) align 4 %p) {
  %w = load i64, ptr %p, align 4
  %v = trunc i64 %w to i32
  %r = select i1 %c, i32 %v, i32 0
  ret i32 %r
}
