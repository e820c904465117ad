; EXPECT: refuted
; In the second round f finds the address.
declare void @f()
@g = global ptr null

define i32 @src() {
  %a = alloca i32
  store i32 1, ptr %a
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ 1, %b ]
  call void @f()
  %v = load i32, ptr %a
  %c = icmp eq i32 %i, 1
  br i1 %c, label %e, label %b
b:
  store ptr %a, ptr @g
  br label %h
e:
  ret i32 %v
}

define i32 @tgt() {
  %a = alloca i32
  store i32 1, ptr %a
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ 1, %b ]
  call void @f()
  %c = icmp eq i32 %i, 1
  br i1 %c, label %e, label %b
b:
  store ptr %a, ptr @g
  br label %h
e:
  ret i32 1
}
