; EXPECT: correct
; Rotated, with a guard.
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
  %g = icmp sgt i32 %n, 0
  br i1 %g, label %b, label %e
b:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  call void @f(i32 %i)
  %j = add nsw i32 %i, 1
  %c = icmp slt i32 %j, %n
  br i1 %c, label %b, label %e
e:
  ret void
}
