; EXPECT: refuted
; Calls with effects keep their order.
declare void @f(i32)
declare void @g(i32)

define void @src(i32 %x) {
  call void @f(i32 %x)
  call void @g(i32 %x)
  ret void
}

define void @tgt(i32 %x) {
  call void @g(i32 %x)
  call void @f(i32 %x)
  ret void
}
