; EXPECT: refuted
; Null becomes poison.
declare void @f(ptr)

define void @src(ptr noundef %p) {
  call void @f(ptr %p)
  ret void
}

define void @tgt(ptr noundef %p) {
  call void @f(ptr nonnull %p)
  ret void
}
