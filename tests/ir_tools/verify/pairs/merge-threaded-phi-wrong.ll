; EXPECT: refuted
; The sum was of x.

define i32 @src(i1 %c, i32 %x) {
  br i1 %c, label %t, label %e
t:
  br label %m
e:
  br label %m
m:
  %p = phi i1 [ true, %t ], [ false, %e ]
  %q = phi i32 [ 1, %t ], [ %x, %e ]
  br i1 %p, label %y, label %n
y:
  ret i32 %q
n:
  %r = add i32 %q, 1
  ret i32 %r
}

define i32 @tgt(i1 %c, i32 %x) {
  br i1 %c, label %t, label %e
t:
  ret i32 1
e:
  ret i32 2
}
