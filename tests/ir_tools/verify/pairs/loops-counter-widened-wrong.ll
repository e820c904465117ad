; EXPECT: refuted
; It starts with one.
declare void @f(i64)

define void @src(i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %c = icmp ne i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %w = sext i32 %i to i64
  call void @f(i64 %w)
  %j = add i32 %i, 1
  br label %h
e:
  ret void
}

define void @tgt(i32 %n) {
  %m = sext i32 %n to i64
  br label %h
h:
  %i = phi i64 [ 1, %0 ], [ %j, %b ]
  %c = icmp ne i64 %i, %m
  br i1 %c, label %b, label %e
b:
  call void @f(i64 %i)
  %j = add i64 %i, 1
  br label %h
e:
  ret void
}
