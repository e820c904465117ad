; EXPECT: correct
; An argument computed between them.
declare void @f(i32)
declare void @g(i32)

define void @src(i32 %x) {
  call void @f(i32 %x)
  call void @g(i32 %x)
  ret void
}

define void @tgt(i32 %x) {
  call void @f(i32 %x)
  %y = add i32 %x, 0
  call void @g(i32 %y)
  ret void
}
