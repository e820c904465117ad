; EXPECT: correct
; Hoisted under a guard.

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
  %f = freeze i32 %n
  %g = icmp eq i32 %n, 0
  br i1 %g, label %z, label %pre
z:
  ret i32 0
pre:
  %v = load i32, ptr %p
  br label %h
h:
  %i = phi i32 [ 0, %pre ], [ %j, %b ]
  %s = phi i32 [ 0, %pre ], [ %t, %b ]
  %c = icmp ult i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %t = add i32 %s, %v
  %j = add i32 %i, 1
  br label %h
e:
  ret i32 %s
}
