; EXPECT: refuted
; It does not end with two.

define i32 @src(i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %c = icmp ult i32 %i, 3
  br i1 %c, label %b, label %e
b:
  %j = add i32 %i, 1
  br label %h
e:
  %r = add i32 %i, %n
  ret i32 %r
}

define i32 @tgt(i32 %n) {
  %r = add i32 %n, 2
  ret i32 %r
}
