; EXPECT: refuted
; If n is zero nothing is loaded.

define i32 @src(ptr %p, i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %s = phi i32 [ 0, %0 ], [ %t, %b ]
  %c = icmp ult i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %v = load i32, ptr %p
  %t = add i32 %s, %v
  %j = add i32 %i, 1
  br label %h
e:
  ret i32 %s
}

define i32 @tgt(ptr %p, i32 %n) {
  %v = load i32, ptr %p
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %s = phi i32 [ 0, %0 ], [ %t, %b ]
  %c = icmp ult i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %t = add i32 %s, %v
  %j = add i32 %i, 1
  br label %h
e:
  ret i32 %s
}
