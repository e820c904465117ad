; EXPECT: correct
; Unswitching on a frozen condition.
declare void @f()
declare void @g()

define void @src(i1 %c, i32 %n) {
  br label %head
head:
  %i = phi i32 [ 0, %0 ], [ %j, %latch ]
  %more = icmp ult i32 %i, %n
  br i1 %more, label %body, label %exit
body:
  br i1 %c, label %t, label %e
t:
  call void @f()
  br label %latch
e:
  call void @g()
  br label %latch
latch:
  %j = add i32 %i, 1
  br label %head
exit:
  ret void
}

define void @tgt(i1 %c, i32 %n) {
  %f = freeze i1 %c
  br i1 %f, label %th, label %eh
th:
  %i = phi i32 [ 0, %0 ], [ %j, %t ]
  %more = icmp ult i32 %i, %n
  br i1 %more, label %t, label %exit
t:
  call void @f()
  %j = add i32 %i, 1
  br label %th
eh:
  %k = phi i32 [ 0, %0 ], [ %l, %e ]
  %more2 = icmp ult i32 %k, %n
  br i1 %more2, label %e, label %exit
e:
  call void @g()
  %l = add i32 %k, 1
  br label %eh
exit:
  ret void
}
