; EXPECT: refuted
; The wrong way around.
declare void @f(i32)

define void @src(i1 %c) {
  br i1 %c, label %t, label %e
t:
  call void @f(i32 1)
  br label %m
e:
  call void @f(i32 2)
  br label %m
m:
  ret void
}

define void @tgt(i1 %c) {
  %x = select i1 %c, i32 2, i32 1
  call void @f(i32 %x)
  ret void
}
