; EXPECT: correct
; The way back need not be shared.
declare void @f()

define void @src(i32 %x, i32 %y) {
  %a = icmp eq i32 %x, 0
  br i1 %a, label %e, label %n
n:
  %d = udiv i32 %y, %x
  %b = icmp eq i32 %d, 3
  br i1 %b, label %t, label %e
t:
  call void @f()
  br label %e
e:
  ret void
}

define void @tgt(i32 %x, i32 %y) {
  %a = icmp eq i32 %x, 0
  br i1 %a, label %e, label %n
n:
  %d = udiv i32 %y, %x
  %b = icmp eq i32 %d, 3
  br i1 %b, label %t, label %e
t:
  call void @f()
  ret void
e:
  ret void
}
