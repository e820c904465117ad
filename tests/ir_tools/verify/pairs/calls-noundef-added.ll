; EXPECT: correct
; A frozen argument is defined.
declare void @f(i32)

define void @src(i32 %x) {
  call void @f(i32 %x)
  ret void
}

define void @tgt(i32 %x) {
  %y = freeze i32 %x
  call void @f(i32 noundef %y)
  ret void
}
