; EXPECT: refuted
; A poison argument becomes undefined behaviour.
declare void @f(i32)

define void @src(i32 %x) {
  call void @f(i32 %x)
  ret void
}

define void @tgt(i32 %x) {
  call void @f(i32 noundef %x)
  ret void
}
