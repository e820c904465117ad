; EXPECT: refuted
; One byte is not sixteen.
declare void @f(ptr)

define void @src(ptr %p) {
  %v = load i8, ptr %p
  call void @f(ptr %p)
  ret void
}

define void @tgt(ptr %p) {
  %v = load i8, ptr %p
  call void @f(ptr noundef nonnull dereferenceable(16) %p)
  ret void
}
