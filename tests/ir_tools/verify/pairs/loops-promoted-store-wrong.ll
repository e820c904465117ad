; EXPECT: refuted
; A promoted store must not happen when the loop does not run.

define void @src(ptr %p, ptr %q, i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %c = icmp ult i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %v = load i32, ptr %q
  store i32 %v, ptr %p
  %j = add i32 %i, 1
  br label %h
e:
  ret void
}

define void @tgt(ptr %p, ptr %q, i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %l = phi i32 [ 0, %0 ], [ %v, %b ]
  %c = icmp ult i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %v = load i32, ptr %q
  %j = add i32 %i, 1
  br label %h
e:
  store i32 %l, ptr %p
  ret void
}
