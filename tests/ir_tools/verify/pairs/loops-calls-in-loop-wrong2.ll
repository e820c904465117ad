; EXPECT: refuted
; Counted from one.
declare void @f(i32)

define void @src(i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %c = icmp slt i32 %i, %n
  br i1 %c, label %b, label %e
b:
  call void @f(i32 %i)
  %j = add nsw i32 %i, 1
  br label %h
e:
  ret void
}

define void @tgt(i32 %n) {
  br label %h
h:
  %i = phi i32 [ 1, %0 ], [ %j, %b ]
  %c = icmp sle i32 %i, %n
  br i1 %c, label %b, label %e
b:
  call void @f(i32 %i)
  %j = add nsw i32 %i, 1
  br label %h
e:
  ret void
}
