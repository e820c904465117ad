; EXPECT: refuted
; The second round may write what the first kept.
declare void @keep(ptr)

define i32 @src(i32 %n) {
  %a = alloca i32
  store i32 1, ptr %a
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %h ]
  call void @keep(ptr %a)
  %j = add i32 %i, 1
  %c = icmp ult i32 %j, 2
  br i1 %c, label %h, label %e
e:
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt(i32 %n) {
  %a = alloca i32
  store i32 1, ptr %a
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %h ]
  call void @keep(ptr %a)
  %j = add i32 %i, 1
  %c = icmp ult i32 %j, 2
  br i1 %c, label %h, label %e
e:
  ret i32 1
}
